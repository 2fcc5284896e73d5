"""The hits of a search, one a line: examples with their contexts, all peaks in one column, or tokens of the weights."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Hit, TokenHit

from ...colour.style import Style
from ...text.cells import cell_len, column, fit, shorten
from ...views import token_hits
from ...views.contexts import Look, colour_of
from ...views.numbers import signed
from ..drawing.contexts import context_rows
from ..drawing.painting import strip
from .lines import Lines
from .table import edge

_RIGHT = ("value", "strength", "place", "score")
_WIDTHS = {
    **{"quadrant": 2, "rank": 4, "value": 8, "strength": 9},
    **{"where": 5, "quadrants": 9, "token": 14, "place": 6, "score": 8, "frequency": 13},
}
_FEWEST_CELLS = 8  # of a context


@dataclass(frozen=True, slots=True)
class HitsPicture:
    """The visible hits, from place `first` on. `find` is the searched text; `empty` is shown if there are no hits."""

    hits: tuple[Hit | TokenHit, ...]
    columns: tuple[str, ...]
    first: int = 0
    place: int = 0
    column: int = 0  # under the cursor
    sorted_by: str = "strength"
    descending: bool = True
    magnitude: bool = False  # sorted without signs
    find: str = ""
    address: int = 8  # cells of the longest address
    marked: frozenset[int] = frozenset()  # places of hits whose neuron is marked
    selected: frozenset[int] = frozenset()
    empty: tuple[str, ...] = ()


class HitList(Lines[HitsPicture]):
    """The widget. Clicks and the wheel become messages."""

    class Clicked(Message):
        """A hit was clicked; `place` None: the heading of a column."""

        def __init__(self, place: int | None, column: int | None, twice: bool) -> None:
            self.place, self.column, self.twice = place, column, twice
            super().__init__()

    class Wheel(Message):
        """The wheel was turned, by so many rows."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    def draw(self, picture: HitsPicture, width: int, height: int) -> list[Strip]:
        palette = self.palette
        rows = [strip([(" ", palette.text), *self._heads(picture)], width, palette.text)]
        if not picture.hits:
            rows += [strip([(f"  {line}", palette.faint)], width, palette.text) for line in picture.empty]
        for offset, hit in enumerate(picture.hits[: max(0, height - 1)]):
            place = picture.first + offset
            here = place == picture.place
            plain = palette.strong if here else palette.text
            mark = edge(palette, here=here, selected=place in picture.selected)
            star = palette.glyphs.marked if place in picture.marked else " "
            head = self._head(picture, hit, star)
            parts: list[tuple[str, Style]] = [(mark, plain), (head, plain)]
            if isinstance(hit, Hit):
                look = Look(colour_of(hit.ranking), 0.0, palette.ramp, ascii_only=palette.ascii_only)
                room = max(_FEWEST_CELLS, width - 2 - cell_len(head))
                row = context_rows(hit.example, hit.quadrant, room, look, palette, find=picture.find)[0]
                parts += [(" ", plain), *row.parts]
            rows.append(strip(parts, width, palette.text))
        return rows

    def _heads(self, picture: HitsPicture) -> list[tuple[str, Style]]:
        palette = self.palette
        found: list[tuple[str, Style]] = []
        for number, name in enumerate(picture.columns):
            mark = ""
            if name == picture.sorted_by:
                mark = palette.glyphs.down if picture.descending else palette.glyphs.up
                mark += "|" if picture.magnitude else ""
            here = number == picture.column
            label = "" if name == "quadrant" and not mark and not here else name
            words = _placed(name, f"{mark}{label}", _width(picture, name))
            found += [(words, palette.title_focused if here else palette.title), (" ", palette.text)]
        return [*found, *([("context", palette.title)] if "rank" in picture.columns else [])]

    def _head(self, picture: HitsPicture, hit: Hit | TokenHit, star: str) -> str:
        ascii_only = self.palette.ascii_only
        values: tuple[str, ...]
        if isinstance(hit, Hit):
            strength = f"{100 * hit.strength:.0f}%"
            values = (hit.neuron.name, hit.quadrant.value, hit.ranking, signed(hit.value), strength)
        else:
            cells = token_hits.cells(hit, ascii_only=ascii_only)
            values = (*cells[:3], cells[4], cells[3], *cells[5:])  # the token before its place
        widths = [_width(picture, name) for name in picture.columns]
        neuron, *others = (
            _placed(name, shorten(value, width, ascii_only=ascii_only), width)
            for name, value, width in zip(picture.columns, values, widths, strict=True)
        )
        return f"{neuron}{star}{' '.join(others)}"

    def on_click(self, event: events.Click) -> None:
        if self.picture is None or event.y > len(self.picture.hits):
            return
        start, under = 1, None
        for number, name in enumerate(self.picture.columns):
            stop = start + _width(self.picture, name) + 1
            under = number if start <= event.x < stop else under
            start = stop
        place = self.picture.first + event.y - 1 if event.y else None
        self.post_message(self.Clicked(place, under, event.chain > 1))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))


def _width(picture: HitsPicture, name: str) -> int:
    return max(picture.address, len("neuron")) if name == "neuron" else _WIDTHS[name]


def _placed(name: str, text: str, width: int) -> str:
    return column(text, width) if name in _RIGHT else fit(text, width)
