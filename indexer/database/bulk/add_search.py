"""Adds the tables that `search` reads to an index made without them, from the index alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ...disk import refused
from ..format.schema import statement
from .page_copies import write_page_copies
from .postings import Postings
from .renewing import renew
from .stored import StoredIndex
from .token_postings import TokenPostings
from .weight_writing import folded, insert_texts


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
            closing(TokenPostings(sqlite)) as token_postings,
        ):
            total = sum(record.width for record in stored.sites)
            for record in stored.sites:
                postings.add_site(stored.site(record), record.first_neuron)
                if (weights := stored.site_weights(record)) is not None:
                    token_postings.add_site(weights, record.first_neuron)
                done(record.first_neuron + record.width, total)
            stored.close()  # its lock would block the changes
            sqlite.execute("PRAGMA journal_mode = OFF")
            with sqlite:
                renew(sqlite, ("peak_entropy", "token_neurons"))
                _name_tokens(sqlite)
                postings.write(sqlite)
                token_postings.write()
            write_page_copies(sqlite, path)
    except (sqlite3.OperationalError, OSError) as error:
        raise refused(path, error, "is its disk whole, and writable?") from error


def _name_tokens(sqlite: sqlite3.Connection) -> None:
    """Fill the table of the vocabulary's texts with the tokens that the index has, unless it knows all."""
    if sqlite.execute("SELECT 1 FROM sqlite_master WHERE name = 'token_texts'").fetchone() is None:
        sqlite.execute(statement("token_texts"))
    if sqlite.execute("SELECT 1 FROM token_texts").fetchone() is None:
        insert_texts(sqlite, folded(sqlite.execute("SELECT id, bytes FROM tokens")))


def _uri(path: str | os.PathLike[str]) -> str:
    """An existing file only, and without locks, which some disks don't have: nobody else has the file."""
    return f"{Path(path).absolute().as_uri()}?mode=rw&nolock=1"
