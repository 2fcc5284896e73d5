"""The rows of a table that were read, a page at a time: only those that are seen, and the pages beside them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

PAGE = 64
"""Rows that are read together: more than a screen of most terminals has."""
_KEPT = 32

Row = tuple[Any, ...]


class Pages:
    """A bounded cache of pages. `version` changes with everything that makes the pages others."""

    def __init__(self) -> None:
        self.version = 0
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()

    def clear(self) -> None:
        """Forget all: what comes for an older version is not kept."""
        self.version += 1
        self._pages.clear()

    def put(self, version: int, page: int, rows: Sequence[Row]) -> None:
        """Keep a page that was read."""
        if version != self.version:
            return
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)

    def row(self, place: int) -> Row | None:
        """The row at a place of the table; None where it was not read yet."""
        rows = self._pages.get(place // PAGE, ())
        return rows[place % PAGE] if place % PAGE < len(rows) else None

    def missing(self, first: int, last: int, total: int) -> int | None:
        """The page to read next for rows `first` to `last` to be seen, and then those after and before them."""
        start, stop = first // PAGE, last // PAGE
        pages: list[int] = [*range(start, stop + 1), stop + 1, start - 1]
        for page in pages:
            if 0 <= page * PAGE < total and page not in self._pages:
                return page
        return None
