"""The state of the table of neurons that stand out at a token of one's own text. No screen, no process."""

from __future__ import annotations

from collections.abc import Collection

from indexer.live.records import Row

from ...kept.marks import Key
from ...text.clean import clean
from ...views.numbers import signed
from ...views.prompt import place_of
from ...views.sample import place_text
from ..session.current_list import CurrentList, Sight
from ..session.tried import Standing, Wished
from ..widgets.table import Cell, Heading
from .view import TableView

COLUMNS = ("neuron", "quadrant", "gate", "in", "act", "post", "percentile", "logit")
SORTED = ("percentile", "post", "logit", "gate", "in")
"""The columns that the table can be sorted by: always largest magnitude first."""

_VALUE = len("-5.88e-4")
_WIDTHS = {"percentile": len("> all 1,024")}


class StandingTable:
    """Lives as long as the session, so that opening the table again shows the same order and condition."""

    def __init__(self) -> None:
        self.wanted = Wished()
        self.shown: Standing | None = None
        self.view = TableView()

    @property
    def rows(self) -> tuple[Row, ...]:
        return () if self.shown is None else self.shown.rows

    @property
    def stale(self) -> bool:
        """Whether the rows are those of another wish."""
        return self.shown is None or self.shown.wished != self.wanted

    def forget(self, wanted: Wished) -> None:
        """Show nothing: there is no text, or none at that token."""
        self.wanted, self.shown = wanted, None

    def take(self, standing: Standing) -> bool:
        """Show these rows if they are wanted. Returns whether they are."""
        if standing.wished != self.wanted:
            return False
        if self.shown is not standing:
            self.shown, self.view = standing, TableView(column=self.view.column)
        return True

    def key(self, place: int) -> Key | None:
        """The neuron of a row, with its quadrant under aligned signs; under raw ones, the whole neuron."""
        if self.stale or not 0 <= place < len(self.rows):
            return None
        row = self.rows[place]
        return row.neuron, row.quadrant if self.wanted.signs == "aligned" else None

    def as_list(self, token: str, ranking: str, chosen: Collection[Key] = ()) -> CurrentList:
        """The rows (or the chosen ones) as a list, each with the quadrant in which its neuron is at the token."""
        places = [place for place in range(len(self.rows)) if not chosen or self.key(place) in chosen]
        rows = [self.rows[place] for place in places]
        sights = tuple(Sight(row.quadrant, ranking, 0, self.wanted.signs) for row in rows)
        here = places.index(self.view.place) if self.view.place in places else 0
        title = f"at {self.wanted.position} «{clean(token)}»"
        return CurrentList(title, tuple(row.neuron for row in rows), here, self.wanted.sort, sights)


def headings(rows: tuple[Row, ...]) -> tuple[Heading, ...]:
    """The headings of the table."""
    longest = max((len(row.neuron.name) for row in rows), default=8)
    widths = {"neuron": max(longest + 1, 8), **_WIDTHS}
    left = ("neuron", "quadrant")
    return tuple(Heading(name, "", name, widths.get(name, _VALUE), right=name not in left) for name in COLUMNS)


def cells(row: Row, star: str = "") -> tuple[Cell, ...]:
    """The cells of a row; the star stands after the address of a marked neuron."""
    values = [signed(value) for value in (row.gate, row.in_, row.act, row.post)]
    texts = (row.neuron.name + star, row.quadrant.value, *values, place_text(place_of(row)) or "-", signed(row.logit))
    return tuple(map(Cell, texts))
