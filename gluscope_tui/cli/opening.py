"""Finds and opens the index that a reading command reads, with notices on stderr."""

from __future__ import annotations

import os

import indexer
from indexer.cache import demo_path
from indexer.database.reader import Index
from indexer.database.remote.place import is_plain, is_remote, shown
from indexer.errors import GluscopeError

from .options import DEFAULT_DB, index_name
from .output import tell


def open_index(db: str | None) -> Index:
    """Open the index that `--db` names, or the default one. Close it, or use it in a `with`."""
    index = open_named(reading_name(db))
    warn_incomplete(index)
    return index


def open_named(name: str) -> Index:
    """Open an index. While much of one on a server is fetched, stderr says so."""
    if not is_remote(name):
        return indexer.open(name)
    from .progress import fetching

    if is_plain(name):
        tell(f"{shown(name)} is read without encryption: others on the way can see and change what arrives")
    return indexer.open(name, fetching)


def reading_name(db: str | None) -> str:
    """The name from `find_index`, whose notice it prints."""
    name, notice = find_index(db)
    if notice:
        tell(f"{notice}, {name}")
    return name


def find_index(db: str | None) -> tuple[str, str]:
    """The index to read, a path or an address, and a notice about it.

    Without a name and ./gluscope.db it is the demo's. GluscopeError if there is no index at all.
    """
    name = index_name(db)
    if db is not None or os.environ.get("GLUSCOPE_DB") or os.path.exists(name):
        return name, ""
    demo = demo_path()
    if demo.exists():
        return str(demo), f"there is no ./{DEFAULT_DB}: this is the demo's index"
    raise GluscopeError(
        "there is no index yet",
        f"make one: gluscope demo (a small one), or gluscope index MODEL TEXT --db {DEFAULT_DB}",
    )


def warn_incomplete(index: Index) -> None:
    """Say how much an incomplete index covers, and what an imported one lacks."""
    if index.imported:
        tell(f"{shown(index.path)} was imported: {index.imported}")
    if not index.complete:
        from ..views.info import state

        tell(f"{shown(index.path)} is {state(index.info())}")
