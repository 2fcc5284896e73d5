"""What an index on a server keeps together for its readers: copies of pages, and the tokens in one piece.

Copies are used only while the file is what they were made for: SQLite counts the changes of a file, and its first pages
say where every table begins. Without them all is read as on a disk, with more requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TypeVar

from ..format.kinds import BLOB, COUNT, TEXT
from ..format.packed_columns import MOST as MOST_OF_A_COLUMN
from ..format.packed_columns import unpack_flips, unpack_tokens
from ..format.page_copies import MOST, NEURONS, SCANNED, state, unpack
from .connection import Connection
from .inflate import inflate

Column = TypeVar("Column")

_TABLES = ("packed_columns", "neuron_pages", "shared_pages")
_MOST_GROUPS = 128  # beyond, reading the tables whole takes fewer requests


class Nearby:
    """Fetches what is kept together. On a file of the disk it does nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._there: set[int] = set()  # groups of neurons
        self._whole: set[str] = set()  # tables

    def open(self) -> None:
        """Fetch what every reading needs."""
        if self._is_valid:
            self._install("SELECT pages FROM shared_pages WHERE id = ?", 0)

    def neuron(self, id_: int) -> None:
        """Fetch the pages that lead to the rows of a neuron."""
        if self._is_valid and (group := id_ // NEURONS) not in self._there:
            self._there.add(group)
            self._install("SELECT pages FROM neuron_pages WHERE id = ?", group)

    def neurons(self, ids: Sequence[int], tables: Iterable[str]) -> None:
        """Fetch the rows of neurons in some narrow tables."""
        if self._connection.remote is None:
            return
        missing = self._missing(ids)
        if len(missing) > _MOST_GROUPS:
            self.tables(tables)
        elif self._is_valid and not self._whole.issuperset(tables):
            self._groups(missing)

    def examples(self, ids: Iterable[int]) -> None:
        """Fetch the examples of some neurons at once."""
        if self._is_valid:
            rows = sorted(set(ids))
            self._groups(self._missing(rows))
            self._rows("packed", rows, are_short=False)

    def _missing(self, ids: Iterable[int]) -> list[int]:
        """The groups of neurons that have not come yet."""
        return sorted({id_ // NEURONS for id_ in ids} - self._there)

    def _groups(self, missing: Sequence[int]) -> None:
        if len(missing) > 1:
            self._connection.fetch(lambda file, _: file.fetch_rows(self._roots["neuron_pages"], missing))
        for group in missing:
            self.neuron(group * NEURONS)

    def tables(self, tables: Iterable[str]) -> None:
        """Fetch all rows of some narrow tables."""
        if self._connection.remote is None:
            return
        if self._is_valid and SCANNED not in self._there:
            self._there.add(SCANNED)
            self._install("SELECT pages FROM neuron_pages WHERE id = ?", SCANNED)
        missing = set(tables) - self._whole
        self._whole |= missing
        if missing:
            roots = list(self._connection.roots(missing).values())
            self._connection.fetch(lambda file, report: file.fetch_tables(roots, report))

    def sequences(self, ids: Iterable[int]) -> None:
        """Fetch some sequences at once, and their documents, unless those of the index are so few that they have come
        already."""
        if self._is_valid:
            rows = sorted(ids)
            self._rows("sequences", rows, are_short=True)
            found = self._connection.rows_among("SELECT document FROM sequences WHERE id IN", (COUNT,), rows)
            self._rows("documents", sorted({document for (document,) in found}), are_short=True)

    def _rows(self, table: str, ids: Sequence[int], *, are_short: bool) -> None:
        """Fetch some rows of a table at once. What is left of short ones lies within two pages of where they begin."""
        root = self._connection.roots((table,)).get(table, 0)
        self._connection.fetch(
            lambda file, _: file.fetch_rows(root, ids, *((2 * file.pages.size,) if are_short else ()))
        )

    def tokens(self) -> dict[int, bytes]:
        """The bytes of all tokens; none if the index lacks them in one piece, or is on the disk."""
        return self._column("tokens", unpack_tokens) or {}

    def flipped(self, neurons: int) -> frozenset[int] | None:
        """The rows of the neurons that are flipped, of so many; None likewise."""
        return self._column("flipped", lambda data: unpack_flips(data, neurons))

    def _column(self, name: str, unpack: Callable[[bytes], Column]) -> Column | None:
        """A column in one piece."""
        if not self._is_valid:
            return None
        rows = self._connection.rows(f"SELECT {name} FROM packed_columns WHERE id = 0", (BLOB.or_null,))
        if not rows or rows[0][0] is None:
            return None
        try:
            return unpack(inflate(rows[0][0], MOST_OF_A_COLUMN))
        except ValueError as error:
            raise self._connection.damaged(f"packed_columns: {error}") from error

    @cached_property
    def _is_valid(self) -> bool:
        """Whether there are copies, and of this file as it is."""
        file = self._connection.remote
        if file is None or not self._connection.tables.issuperset(_TABLES):
            return False
        roots = self._roots
        long = [roots["packed_columns"], roots["shared_pages"]]
        self._connection.fetch(lambda file, _: file.fetch_long(long))
        made_for = self._connection.fetch(lambda file, _: state(file.pages, file.header, roots["shared_pages"]))
        found = self._connection.rows("SELECT made_for FROM shared_pages WHERE id = 0", (TEXT,))
        return bool(found) and found[0][0] == made_for

    @cached_property
    def _roots(self) -> dict[str, int]:
        return self._connection.roots(_TABLES)

    def _install(self, sql: str, id_: int) -> None:
        file = self._connection.remote
        rows = self._connection.rows(sql, (BLOB,), (id_,))
        if file is None or not rows:
            return
        try:
            file.install(unpack(inflate(rows[0][0], 2 * MOST), file.pages.size))
        except ValueError as error:
            raise self._connection.damaged(f"copies of its pages: {error}") from error
