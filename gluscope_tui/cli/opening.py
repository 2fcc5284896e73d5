"""Opens the index of a reading command, and tells where it isn't complete."""

from __future__ import annotations

from pathlib import Path

import indexer
from indexer.database.reader import Index

from .options import index_path
from .output import tell


def open_index(db: Path | None) -> Index:
    """The index that `--db` says, open: close it, or use it in a `with`."""
    index = indexer.open(index_path(db))
    warn_incomplete(index)
    return index


def warn_incomplete(index: Index) -> None:
    """Tell how far an index is that isn't complete."""
    if not index.complete:
        from ..views.info import state

        tell(f"{index.path} is {state(index.info())}")
