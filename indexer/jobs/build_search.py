"""Adds the tables that `search` reads to an index made without them, in a copy that replaces it once whole."""

from __future__ import annotations

from pathlib import Path

from ..database.bulk.add_search import add_search
from ..database.bulk.stored import StoredIndex
from ..progress import Progress, Report
from ..run.output_file import changed_copy


def build_search(db: Path, report: Report) -> None:
    """Add the tables that `Index.search` reads to the index `db`, or make them again. GluscopeError if there is no
    finished index, or it can't be written."""
    with StoredIndex(db):
        pass  # it can be read
    with changed_copy(db, lambda message: report(Progress("notice", message=message))) as made:
        add_search(made, lambda done, total: report(Progress("reading examples", done, total)))
