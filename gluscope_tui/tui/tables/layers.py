"""The table of layers: its rows, the column it is sorted by, where one is in it. No screen, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indexer.database.query.layers import LayerRow

from ...views.layers import Cell, cells_of, headings
from .view import TableView


class LayersTable:
    """Kept while the session lasts; the rows are read once for each kind of signs."""

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
        """The rows under these signs were read."""
        self._known[signs] = rows

    @property
    def headings(self) -> list[tuple[str, str]]:
        """The two lines over each column."""
        return headings(self._known.get(self.signs, ()))

    @property
    def rows(self) -> list[LayerRow]:
        """The layers in the order asked for; those that lack the column last."""
        rows = list(self._known.get(self.signs, ()))
        column = self.sorted_by
        if not column:
            return rows[::-1] if column == 0 and self.descending else rows
        keys = {row.site: _key(row, self.cells(row)[column], column) for row in rows}
        there = [row for row in rows if keys[row.site] is not None]
        there.sort(key=lambda row: keys[row.site] or 0.0, reverse=self.descending)
        return there + [row for row in rows if keys[row.site] is None]

    def cells(self, row: LayerRow) -> list[Cell]:
        """The cells of a layer, one a heading."""
        return cells_of(row, len(self.headings))

    def sort(self) -> None:
        """Sort by the column under the cursor, the largest first; by the same again: reversed."""
        again = self.sorted_by == self.view.column
        self.sorted_by, self.descending = self.view.column, not self.descending if again else self.view.column > 0
        self.view = replace(self.view, place=0, top=0)

    def reverse(self) -> None:
        """The other order of the same column."""
        self.sorted_by, self.descending = self.sorted_by or 0, not self.descending

    def open(self, site: object, signs: str) -> None:
        """Look at it under these signs, from this layer on."""
        self.signs = signs
        place = next((place for place, row in enumerate(self.rows) if row.site == site), None)
        if place is not None:
            self.view = replace(self.view, place=place)


def _key(row: LayerRow, cell: Cell, column: int) -> float | None:
    """What a column is sorted by: the share that shades it, or the number of neurons."""
    return float(row.neurons) if column == 1 else cell.share
