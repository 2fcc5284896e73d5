"""The hits of a search, one a line: neuron, quadrant, value, and the context, with all peaks in one column."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Hit

from ...colour.style import Style
from ...text.cells import column, fit
from ...views.contexts import Look, colour_of
from ...views.numbers import signed
from ..drawing.contexts import context_rows
from ..drawing.painting import strip
from .lines import Lines
from .table import edge

_VALUE, _RANKING = 8, 4


@dataclass(frozen=True, slots=True)
class HitsPicture:
    """The visible hits, from place `first` on. `find` is the searched text; `empty` is shown if there are no hits."""

    hits: tuple[Hit, ...]
    first: int = 0
    place: int = 0
    find: str = ""
    address: int = 8  # cells of the longest address
    marked: frozenset[int] = frozenset()  # places of hits whose neuron is marked
    selected: frozenset[int] = frozenset()
    empty: str = ""


class HitList(Lines[HitsPicture]):
    """The widget. Clicks and the wheel become messages."""

    class Clicked(Message):
        """A hit was clicked."""

        def __init__(self, place: int, twice: bool) -> None:
            self.place, self.twice = place, twice
            super().__init__()

    class Wheel(Message):
        """The wheel was turned, by so many rows."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    def draw(self, picture: HitsPicture, width: int, height: int) -> list[Strip]:
        palette = self.palette
        room = max(picture.address, len("neuron"))
        names = f" {fit('neuron', room)}    {fit('rank', _RANKING)} {column('value', _VALUE)} context"
        rows = [strip([(names, palette.title)], width, palette.text)]
        if not picture.hits:
            rows.append(strip([(f"  {picture.empty}", palette.faint)], width, palette.text))
        text_width = max(8, width - room - _RANKING - _VALUE - 7)
        for offset, hit in enumerate(picture.hits[: max(0, height - 1)]):
            place = picture.first + offset
            here = place == picture.place
            plain = palette.strong if here else palette.text
            mark = edge(palette, here=here, selected=place in picture.selected)
            star = palette.glyphs.marked if place in picture.marked else " "
            kept = f"{hit.quadrant.value} {fit(hit.ranking, _RANKING)} {column(signed(hit.value), _VALUE)}"
            head = f"{mark}{fit(str(hit.neuron), room)}{star}{kept} "
            look = Look(colour_of(hit.ranking), 0.0, palette.ramp, ascii_only=palette.ascii_only)
            row = context_rows(hit.example, hit.quadrant, text_width, look, palette, find=picture.find)[0]
            parts: list[tuple[str, Style]] = [(head, plain), *row.parts]
            rows.append(strip(parts, width, palette.text))
        return rows

    def on_click(self, event: events.Click) -> None:
        if self.picture is not None and 0 < event.y <= len(self.picture.hits):
            self.post_message(self.Clicked(self.picture.first + event.y - 1, event.chain > 1))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))
