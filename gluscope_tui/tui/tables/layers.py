"""The state of the table of layers: rows, sort column, cursor. No screen, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indexer.database.query.layers import LayerRow

from ...views.layers import Cell, cells_of, column_of, condition_of, headings
from .query import Query
from .view import TableView


class LayersTable:
    """Lives as long as the session; the rows are read once for each kind of signs."""

    def __init__(self) -> None:
        self.signs = "aligned"
        self.view = TableView()
        self.sorted_by: int | None = None  # a column; None: the order of the index
        self.descending = True
        self._known: dict[str, Sequence[LayerRow]] = {}

    @property
    def is_known(self) -> bool:
        return self.signs in self._known

    def put(self, signs: str, rows: Sequence[LayerRow]) -> None:
        """Store the rows read under these signs."""
        self._known[signs] = rows

    @property
    def headings(self) -> list[tuple[str, str]]:
        """The two lines above each column, if there is little room."""
        return self.headings_in(0)

    def headings_in(self, width: int) -> list[tuple[str, str]]:
        """The two lines above each column, in full if a width in cells has room."""
        return headings(self._known.get(self.signs, ()), width)

    def query(self) -> Query:
        """The neurons that the cell under the cursor counts, or those that it is the mean of, largest first."""
        place = min(self.view.column, len(self.headings) - 1)
        return Query(condition_of(self.rows[self.view.place].site.name, place), column_of(place), signs=self.signs)

    @property
    def rows(self) -> list[LayerRow]:
        """The layers in the chosen order; those without a value in the column last."""
        rows = list(self._known.get(self.signs, ()))
        column = self.sorted_by
        if not column:
            return rows[::-1] if column == 0 and self.descending else rows
        keys = {row.site: _key(row, self.cells(row)[column], column) for row in rows}
        there = [row for row in rows if keys[row.site] is not None]
        there.sort(key=lambda row: keys[row.site] or 0.0, reverse=self.descending)
        return there + [row for row in rows if keys[row.site] is None]

    def cells(self, row: LayerRow) -> list[Cell]:
        """The cells of a layer, one for each heading."""
        return cells_of(row, len(self.headings))

    def sort(self) -> None:
        """Sort by the column under the cursor, largest first; the same column again reverses the order."""
        again = self.sorted_by == self.view.column
        self.sorted_by, self.descending = self.view.column, not self.descending if again else self.view.column > 0
        self.view = replace(self.view, place=0, top=0)

    def reverse(self) -> None:
        """Reverse the order."""
        self.sorted_by, self.descending = self.sorted_by or 0, not self.descending

    def open(self, site: object, signs: str) -> None:
        """Open the table under these signs, at this layer."""
        self.signs = signs
        place = next((place for place, row in enumerate(self.rows) if row.site == site), None)
        if place is not None:
            self.view = replace(self.view, place=place)


def _key(row: LayerRow, cell: Cell, column: int) -> float | None:
    """The sort key of a column: the share that shades it, or the number of neurons."""
    return float(row.neurons) if column == 1 else cell.share
