"""The table of an open context: one token a row, with quadrant and four values; the peak or cursor in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Example
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant

from ...colour.style import Style
from ...text.cells import column, fit
from ...views.contexts import Look, levels, lies_in
from ...views.numbers import signed
from ..drawing.painting import strip
from ..drawing.token_names import token_name
from .lines import Lines

_NUMBER = 9
_NUMBERS = 4 * _NUMBER


@dataclass(frozen=True, slots=True)
class TableOfContext:
    """The window of a context and the token under the cursor; `first` is the position of its first token."""

    example: Example
    quadrant: Quadrant
    look: Look
    token: int
    first: int


def in_order(first: str) -> list[str]:
    """The quantities, that of the colour first."""
    return sorted((one.value for one in QUANTITIES), key=lambda name: name != first)


class TokenTable(Lines[TableOfContext]):
    """Rows of tokens under a line of headings. Values kept in one byte, all but those of the peak, are marked ≈."""

    class Clicked(Message):
        """A row was clicked."""

        def __init__(self, token: int) -> None:
            self.token = token
            super().__init__()

    class Wheel(Message):
        """The wheel was turned, by so many rows."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    _top = 0

    def draw(self, picture: TableOfContext, width: int, height: int) -> list[Strip]:
        palette, example = self.palette, picture.example
        room = max(1, height - 1)
        self._top = min(max(0, picture.token - room // 2), max(0, len(example.tokens) - room))
        wide = width >= 58
        text_width = min(24, max(4, width - 2 - 3 - _NUMBERS - (6 if wide else 0)))
        order = in_order(picture.look.quantity)
        names = "".join(column(palette.glyphs.about + name, _NUMBER) for name in order)
        head = f"  {'  pos ' if wide else ''}{fit('token', text_width)}   {names}"
        rows = [strip([(head, palette.title)], width, palette.text)]
        strengths = levels(example, picture.quadrant, picture.look)
        for token in range(self._top, min(self._top + room, len(example.tokens))):
            here = token == picture.token
            mark = palette.glyphs.cursor if here else " "
            where = f"{picture.first + token:>5} " if wide else ""
            strength = strengths[token]
            name, whole = token_name(example.tokens, token, text_width, ascii_only=palette.ascii_only)
            base = palette.text if whole and lies_in(example, token, picture.quadrant) else palette.faint
            style = palette.on_ground(picture.look.ramp.style(strength, abs(strength)), base)
            if token == example.peak:
                style = style.marked()
            plain = palette.strong if here else palette.text
            numbers = self._numbers(example, token, order)
            parts: list[tuple[str, Style]] = [
                (f"{mark} {where}", plain),
                (fit(name, text_width), style),
                (f" {numbers}", plain),
            ]
            rows.append(strip(parts, width, palette.text))
        return rows

    @staticmethod
    def _numbers(example: Example, token: int, order: Sequence[str]) -> str:
        if example.gate[token] is None:
            return "   not counted"
        own = next((str(quadrant) for quadrant in QUADRANTS if lies_in(example, token, quadrant)), " 0")
        return own + "".join(column(signed(example.values(name)[token]), _NUMBER) for name in order)

    def on_click(self, event: events.Click) -> None:
        if event.y >= 1 and self.picture is not None and self._top + event.y - 1 < len(self.picture.example.tokens):
            self.post_message(self.Clicked(self._top + event.y - 1))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))
