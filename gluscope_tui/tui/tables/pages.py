"""The cache of a table's rows, a page at a time: only the pages in view and next to it are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

PAGE = 64
"""Rows read together: more than most terminals show."""
_KEPT = 32

Row = tuple[Any, ...]


def pages_of(first: int, last: int) -> range:
    """The pages of the rows from `first` to `last`."""
    return range(first // PAGE, last // PAGE + 1)


class Pages:
    """A bounded cache of pages. `version` changes whenever the cached pages become invalid."""

    def __init__(self) -> None:
        self.version = 0
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()

    def clear(self) -> None:
        """Drop all pages; pages of an older version that arrive later are not kept."""
        self.version += 1
        self._pages.clear()

    def put(self, version: int, page: int, rows: Sequence[Row]) -> None:
        """Store a page."""
        if version != self.version:
            return
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)

    def row(self, place: int) -> Row | None:
        """The row at a place of the table; None if it is not read yet."""
        rows = self._pages.get(place // PAGE, ())
        return rows[place % PAGE] if place % PAGE < len(rows) else None

    def missing(self, seen: range, total: int) -> int | None:
        """The next page to read: first the visible ones, then the ones after and before."""
        pages: list[int] = [*seen, seen.stop, seen.start - 1]
        for page in pages:
            if 0 <= page * PAGE < total and page not in self._pages:
                return page
        return None
