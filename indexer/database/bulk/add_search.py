"""Adds what `search` reads to an index that was made without it, from the index alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ...errors import GluscopeError
from .postings import Postings
from .stored import StoredIndex


def add_search(path: str | os.PathLike[str], done: Callable[[int, int], None] = lambda _, __: None) -> None:
    """Add the tables that `Index.search` reads, or make them anew. Either all of it is done or nothing.

    `done` is told how many neurons were read, of how many. GluscopeError where the file is no index, or can't be
    written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    with StoredIndex(path) as stored:
        total = sum(record.width for record in stored.sites)
        try:
            with closing(Postings(folder)) as postings, closing(sqlite3.connect(_uri(path), uri=True)) as sqlite:
                sqlite.execute("BEGIN IMMEDIATE")
                for record in stored.sites:
                    postings.add_site(stored.site(record), record.first_neuron)
                    done(record.first_neuron + record.width, total)
                postings.write(sqlite)
                stored.close()  # its lock would keep the changes out
                sqlite.commit()
        except (sqlite3.OperationalError, OSError) as error:
            raise GluscopeError(
                f"{os.fspath(path)} can't be added to: {error}", "is it writable, and its disk not full?"
            ) from error


def _uri(path: str | os.PathLike[str]) -> str:
    """An existing file only, and with transactions that this module begins itself."""
    return f"{Path(path).absolute().as_uri()}?mode=rw"
