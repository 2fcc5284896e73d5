"""Finds and opens the index of a reading command, and says on stderr what a person should know about it."""

from __future__ import annotations

import os
from pathlib import Path

import indexer
from indexer.cache import demo_path
from indexer.database.reader import Index
from indexer.errors import GluscopeError

from .options import DEFAULT_DB, index_path
from .output import tell


def open_index(db: Path | None) -> Index:
    """The index that `--db` names, else the usual one, open: close it, or use it in a `with`."""
    index = indexer.open(reading_path(db))
    warn_incomplete(index)
    return index


def reading_path(db: Path | None) -> Path:
    """As `find_index`; says so where it is the demo's index."""
    path, notice = find_index(db)
    if notice:
        tell(f"{notice}, {path}")
    return path


def find_index(db: Path | None) -> tuple[Path, str]:
    """The index to read and a notice about it: the demo's stands in where none is named and ./gluscope.db is missing.

    GluscopeError where there is no index at all.
    """
    path = index_path(db)
    if db is not None or os.environ.get("GLUSCOPE_DB") or path.exists():
        return path, ""
    demo = demo_path()
    if demo.exists():
        return demo, f"there is no ./{DEFAULT_DB}: this is the demo's index"
    raise GluscopeError(
        "there is no index yet",
        f"make one: gluscope demo (a small one), or gluscope index MODEL TEXT --db {DEFAULT_DB}",
    )


def warn_incomplete(index: Index) -> None:
    """Say how far an index is that is not complete."""
    if not index.complete:
        from ..views.info import state

        tell(f"{index.path} is {state(index.info())}")
