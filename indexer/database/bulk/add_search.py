"""Adds the tables that `search` reads to an index made without them, from the index alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ...disk import refused
from .postings import Postings
from .stored import StoredIndex


def add_search(path: str | os.PathLike[str], done: Callable[[int, int], None] = lambda _, __: None) -> None:
    """Add the tables that `Index.search` reads to a file, or make them again.

    The file is changed in place and without a journal: pass a copy that nobody else reads. `done` is called with the
    number of neurons read, and of all. GluscopeError if the file is not an index or can't be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with (
            StoredIndex(path) as stored,
            closing(Postings(folder)) as postings,
            closing(sqlite3.connect(_uri(path), uri=True)) as sqlite,
        ):
            total = sum(record.width for record in stored.sites)
            for record in stored.sites:
                postings.add_site(stored.site(record), record.first_neuron)
                done(record.first_neuron + record.width, total)
            stored.close()  # its lock would block the changes
            sqlite.execute("PRAGMA journal_mode = OFF")
            with sqlite:
                postings.write(sqlite)
    except (sqlite3.OperationalError, OSError) as error:
        raise refused(path, error, "is its disk whole, and writable?") from error


def _uri(path: str | os.PathLike[str]) -> str:
    """An existing file only, and without locks, which some disks don't have: nobody else has the file."""
    return f"{Path(path).absolute().as_uri()}?mode=rw&nolock=1"
