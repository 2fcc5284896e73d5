"""One quadrant: its title, a concordance of its contexts, and the place of what it writes."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Example, QuadrantRecord
from indexer.quadrants import Quadrant

from ...colour.style import StyledLine
from ...views.contexts import Look
from ..contexts import Row, context_rows, fragments, value_columns
from ..layout import VALUES_FROM, top_to_show
from ..painting import blank, strip
from ..palette import Palette
from ..titles import empty, end, title
from ..view import Cursor
from .lines import Lines


@dataclass(frozen=True, slots=True)
class PanePicture:
    """What a pane shows."""

    record: QuadrantRecord
    total: int  # tokens counted
    ranking: str
    top_k: int
    look: Look
    cursor: Cursor
    focused: bool
    faint: bool = False
    find: str = ""
    wrap: bool = False
    titled: bool = True
    values_from: int = VALUES_FROM
    edge: str = ""  # "tee" or "cross": the pane holds the divider at its right

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.record.examples.get(self.ranking, ())


class Pane(Lines[PanePicture]):
    """A quadrant's contexts. Clicks and the wheel become messages; it scrolls just enough to show the cursor."""

    class Clicked(Message):
        """A cell of the pane was clicked: it is chosen, and both cursors go there."""

        def __init__(self, quadrant: Quadrant, cursor: Cursor) -> None:
            self.quadrant, self.cursor = quadrant, cursor
            super().__init__()

    class Wheel(Message):
        """The wheel was turned over the pane, by so many contexts."""

        def __init__(self, quadrant: Quadrant, by: int) -> None:
            self.quadrant, self.by = quadrant, by
            super().__init__()

    def __init__(self, quadrant: Quadrant, palette: Palette) -> None:
        super().__init__(palette, id=f"pane-{quadrant.letters}")
        self.quadrant = quadrant
        self.top = 0
        self._targets: dict[int, tuple[int, int, Row]] = {}  # row of the widget: context, first cell, its tokens

    def draw(self, picture: PanePicture, width: int, height: int) -> list[Strip]:
        inner = width - (1 if picture.edge else 0)
        above = 1 if picture.titled else 0
        self._targets = {}
        rows = self._body(picture, inner, max(0, height - above - 1), above)
        rows += [blank(inner, self.palette.text)] * (height - above - len(rows))
        if picture.edge:
            divider = strip([(self.palette.glyphs.vertical, self.palette.faint)], 1, self.palette.faint)
            rows = [Strip.join([row, divider]) for row in rows]
        return [self._title(picture, inner), *rows] if picture.titled else rows

    def _title(self, picture: PanePicture, inner: int) -> Strip:
        palette = self.palette
        text = title(picture.record, picture.total, picture.ranking, inner - 2, faint=picture.faint)
        style = palette.title_focused if picture.focused else palette.title
        parts = [(" ", palette.faint), (text, style), (" ", palette.faint)]
        parts.append((palette.glyphs.horizontal * inner, palette.faint))
        line = strip(parts, inner, palette.faint)
        if not picture.edge:
            return line
        corner = palette.glyphs.tee if picture.edge == "tee" else palette.glyphs.cross
        return Strip.join([line, strip([(corner, palette.faint)], 1, palette.faint)])

    def _body(self, picture: PanePicture, inner: int, room: int, above: int) -> list[Strip]:
        """The rows that are seen of the contexts and the line after them."""
        shown, palette = picture.examples, self.palette
        if not shown:
            return [strip([(f"  {empty(picture.record, picture.ranking)}", palette.faint)], inner, palette.text)][:room]
        values = value_columns(shown, picture.ranking, wide=inner >= picture.values_from)
        first_cell = len(values[0]) + 2
        width = max(1, inner - first_cell)
        quadrant, look = picture.record.quadrant, picture.look
        lines = [len(fragments(e, quadrant, width, look, True)) if picture.wrap else 1 for e in shown]
        starts = [sum(lines[:number]) for number in range(len(shown) + 1)]
        at = min(picture.cursor.context, len(shown) - 1)
        last = starts[at + 1] - (0 if at == len(shown) - 1 else 1)
        self.top = top_to_show(self.top, starts[at], last, room, starts[-1] + 1)
        rows: list[Strip] = []
        for number, example in enumerate(shown):
            if starts[number + 1] <= self.top or starts[number] >= self.top + room:
                continue
            here = number == at
            cursor = example.peak if picture.cursor.token is None else picture.cursor.token
            for offset, row in enumerate(
                context_rows(
                    example,
                    quadrant,
                    width,
                    look,
                    palette,
                    wrap=picture.wrap,
                    cursor=cursor if here and picture.focused else None,
                    find=picture.find,
                )
            ):
                if self.top <= starts[number] + offset < self.top + room:
                    self._targets[above + len(rows)] = (number, first_cell, row)
                    head = self._head(values[number] if offset == 0 else " " * len(values[0]), here and offset == 0)
                    rows.append(strip([*head, *row.parts], inner, palette.text))
        if len(rows) < room:
            words = end(picture.record, picture.ranking, picture.top_k, inner - 2, palette.glyphs.between)
            rows.append(strip([(f"  {words}", palette.faint)], inner, palette.text))
        return rows

    def _head(self, value: str, here: bool) -> StyledLine:
        palette = self.palette
        if not here:
            return ((f" {value} ", palette.text),)
        return ((f"{palette.glyphs.cursor}{value} ", palette.strong),)

    def on_click(self, event: events.Click) -> None:
        cursor = self.picture.cursor if self.picture is not None else Cursor()
        if event.y in self._targets:
            context, first_cell, row = self._targets[event.y]
            cursor = Cursor(context, row.token_at(event.x - first_cell))
        self.post_message(self.Clicked(self.quadrant, cursor))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(self.quadrant, 3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(self.quadrant, -3))
