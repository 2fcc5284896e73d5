"""Writes what makes an index cheap to read over a network: copies of its own pages, and its tokens in one piece.

Rows of one neuron lie in several tables, far from each other, and each is found through other pages. The copies bring
together what is needed together. They are made last, from the finished file; a reader uses them only while the file is
as it was then.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ..format.btree import DamagedPage, Pages, between, every, leaves, path
from ..format.packed_columns import pack_flips, pack_tokens
from ..format.page_copies import LONG, MOST, NARROW, NEURONS, SCANNED, pack, state
from ..format.schema import statement

_TABLES = ("packed_columns", "neuron_pages", "shared_pages")
_WHOLE = ("info", "sites", "weight_sites", "wiring_sites", "samples", "documents", "sequences")
"""Tables of which every reading needs some rows, the smallest first; those that are too large are left out."""
_MOST_OF_A_TABLE = 2**18  # bytes
_HEADER = 100


def write_page_copies(sqlite: sqlite3.Connection, path: str | os.PathLike[str]) -> None:
    """Write the tables anew. `sqlite`: a connection to the file at `path`, outside a transaction; nobody else has it.

    The file may be without them: they are then made. sqlite3's errors and OSError for a disk that is full.
    """
    with sqlite:
        for table in _TABLES:
            sqlite.execute(f"DROP TABLE IF EXISTS {table}")
            sqlite.execute(statement(table))
    with open(path, "rb") as file, sqlite:
        copies = _Copies(sqlite, file)
        sqlite.execute("INSERT INTO neuron_pages VALUES (?, ?)", (SCANNED, pack(copies.scanned())))
        sqlite.executemany("INSERT INTO neuron_pages VALUES (?, ?)", copies.of_neurons())
        tokens = pack_tokens(dict(sqlite.execute("SELECT id, bytes FROM tokens")))
        flips = pack_flips(flip for (flip,) in sqlite.execute("SELECT flipped FROM neurons ORDER BY id"))
        sqlite.execute("INSERT INTO packed_columns VALUES (0, ?, ?)", (tokens, flips))
    with open(path, "rb") as file:
        copies = _Copies(sqlite, file)
        with sqlite:
            made_for = copies.state(commits=1)
            sqlite.execute("INSERT INTO shared_pages VALUES (0, ?, ?)", (made_for, pack(copies.shared())))
    with open(path, "rb") as file:
        if _Copies(sqlite, file).state() != made_for:  # this SQLite counts changes otherwise: nobody may use the copies
            sqlite.execute("DELETE FROM shared_pages")
            sqlite.commit()


class _Copies:
    """Reads the pages of a file whose last change is complete."""

    def __init__(self, sqlite: sqlite3.Connection, file: BinaryIO) -> None:
        self._sqlite = sqlite
        self._file = file
        self._header = self._read(0, _HEADER)
        size = int.from_bytes(self._header[16:18], "big")
        self._size = 65536 if size == 1 else size
        count = os.fstat(file.fileno()).st_size // self._size
        self._pages = Pages(self._size, self._size - self._header[20], count, self._page)
        self._kept: dict[int, bytes] = {}
        self._roots: dict[str, int] = dict(
            sqlite.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
        )

    def state(self, *, commits: int = 0) -> str:
        return state(self._pages, self._header, self._roots["shared_pages"], commits=commits)

    def of_neurons(self) -> Iterator[tuple[int, bytes]]:
        """The rows of `neuron_pages`."""
        (last,) = self._sqlite.execute("SELECT max(id) FROM neurons").fetchone()
        roots = {table: self._roots[table] for table in (*NARROW, *LONG) if table in self._roots}
        for group in range(0 if last is None else last // NEURONS + 1):
            first, final = group * NEURONS, (group + 1) * NEURONS - 1
            wanted = [
                number
                for table, root in roots.items()
                for number, is_leaf in between(self._pages, root, first, final)
                if table in NARROW or not is_leaf
            ]
            yield group, pack(self._contents(wanted))

    def scanned(self) -> dict[int, bytes]:
        """The pages above those with the rows of the narrow tables."""
        found = []
        for table in NARROW:
            if table in self._roots:
                found += leaves(self._pages, self._roots[table])[1]
        return self._contents(found) if len(found) * self._size <= MOST else {}

    def shared(self) -> dict[int, bytes]:
        """The pages that every reading needs."""
        wanted = every(self._pages, 1, MOST // self._size) or []
        for table in _WHOLE:
            if table in self._roots:
                most = _MOST_OF_A_TABLE // self._size
                wanted += every(self._pages, self._roots[table], most) or self._above(self._roots[table], most)
        for table in NARROW:
            if table in self._roots:
                wanted += path(self._pages, self._roots[table], 0)  # whether it has rows
        wanted += path(self._pages, self._roots["neurons"], 2**62)  # how many rows
        wanted += leaves(self._pages, self._roots["neuron_pages"])[1]
        wanted += leaves(self._pages, self._roots["packed_columns"])[0]
        return self._contents(wanted) if len(wanted) * self._size <= MOST else {}

    def _above(self, root: int, most: int) -> list[int]:
        """The pages that lead to all rows of a table; none if they are too many."""
        try:
            found = leaves(self._pages, root)[1]
        except DamagedPage:  # an index: its pages are of another kind
            return []
        return found if len(found) <= most else []

    def _contents(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Copies of pages; never of the first, whose header every change renews."""
        return {number: self._page(number) for number in numbers if number != 1}

    def _page(self, number: int) -> bytes:
        found = self._kept.get(number)
        if found is None:
            found = self._read((number - 1) * self._size, self._size)
            if len(self._kept) > 4096:
                self._kept.clear()
            self._kept[number] = found
        return found

    def _read(self, start: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, start)
