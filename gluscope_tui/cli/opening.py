"""Finds and opens the index that a reading command reads, with notices on stderr."""

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
    """Open the index that `--db` names, or the default one. Close it, or use it in a `with`."""
    index = indexer.open(reading_path(db))
    warn_incomplete(index)
    return index


def reading_path(db: Path | None) -> Path:
    """The path from `find_index`, whose notice it prints."""
    path, notice = find_index(db)
    if notice:
        tell(f"{notice}, {path}")
    return path


def find_index(db: Path | None) -> tuple[Path, str]:
    """The index to read and a notice about it. Without a name and ./gluscope.db it is the demo's.

    GluscopeError if there is no index at all.
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
    """Say how much an incomplete index covers, and what an imported one lacks."""
    if index.imported:
        tell(f"{index.path} was imported: {index.imported}")
    if not index.complete:
        from ..views.info import state

        tell(f"{index.path} is {state(index.info())}")
