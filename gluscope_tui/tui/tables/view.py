"""The position in a long table: the row and column under the cursor, and the first visible row. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ..drawing.layout import top_to_show


@dataclass(frozen=True, slots=True)
class TableView:
    """Cursor and scroll position of a table."""

    place: int = 0
    column: int = 0
    top: int = 0

    def move(self, by: int, total: int) -> TableView:
        """The view with the cursor moved by a number of rows, stopping at the ends."""
        return self.to(self.place + by, total)

    def to(self, place: int, total: int) -> TableView:
        """The view with the cursor in a row, or in the nearest existing one."""
        return replace(self, place=min(max(place, 0), max(0, total - 1)))

    def aside(self, by: int, columns: int) -> TableView:
        """The view with the cursor moved by a number of columns, stopping at the ends."""
        return replace(self, column=min(max(self.column + by, 0), max(0, columns - 1)))

    def seen(self, rows: int, total: int) -> TableView:
        """The view scrolled just enough to show the cursor in a number of rows."""
        return replace(self, top=top_to_show(self.top, self.place, self.place, max(1, rows), total))


class Kept(Protocol):
    """The state of a table that outlives its screen."""

    view: TableView
