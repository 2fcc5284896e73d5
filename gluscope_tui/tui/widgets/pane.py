"""One quadrant: its title, a concordance of its contexts, and the tokens it promotes."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Example, QuadrantRecord
from indexer.quadrants import Quadrant

from ...colour.style import StyledLine
from ...views.contexts import Look
from ...views.quadrant import empty
from ...views.writes import in_a_row, label, output_sign
from ..drawing.contexts import Row, context_rows, fragments, value_columns
from ..drawing.layout import VALUES_FROM, top_to_show
from ..drawing.painting import strip
from ..drawing.palette import Palette
from ..drawing.titles import end, title
from ..session.view import Cursor
from .lines import Lines

SELDOM = 0.001
"""A pane is dimmed below this share of tokens."""


@dataclass(frozen=True, slots=True)
class PanePicture:
    """The contents of a pane."""

    record: QuadrantRecord
    total: int  # tokens counted
    ranking: str
    top_k: int
    look: Look
    cursor: Cursor
    focused: bool
    faint: str = ""  # the key that changes the scale, if every value is too small for a colour of it
    find: str = ""
    wrap: bool = False
    titled: bool = True
    values_from: int = VALUES_FROM
    edge: str = ""  # "tee" or "cross": the pane includes the divider on its right
    writes: tuple[str, ...] = ()  # the tokens that the neuron promotes in the quadrant
    reads: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (`gate+`, the tokens that push gate into the quadrant) ...

    @property
    def seldom(self) -> bool:
        """Whether the quadrant is visited so rarely that its pane is dimmed."""
        return self.record.count < SELDOM * self.total

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.record.examples.get(self.ranking, ())


class Pane(Lines[PanePicture]):
    """A quadrant's contexts. Clicks and the wheel become messages; it scrolls just enough to show the cursor."""

    class Clicked(Message):
        """A cell of the pane was clicked: the pane is chosen, and both cursors go there."""

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
        room = height - above
        head = [self._writes(picture, inner)] if picture.writes and room > 1 else []
        body = self._body(picture, inner, max(0, room - 1), above + len(head))
        lines = [*head, *body, *[()] * (room - len(head) - len(body))]
        palette = self.palette
        edge = (palette.glyphs.vertical, palette.faint) if picture.edge else None
        rows = [strip(line, width, palette.text, edge=edge) for line in lines]
        return [self._title(picture, width), *rows] if picture.titled else rows

    def _title(self, picture: PanePicture, width: int) -> Strip:
        palette = self.palette
        inner = width - (1 if picture.edge else 0)
        text = title(
            picture.record, picture.total, picture.ranking, inner - 2, faint=picture.faint, bars=palette.glyphs.bars
        )
        style = palette.title_focused if picture.focused else palette.faint if picture.seldom else palette.title
        rule = palette.glyphs.horizontal * max(0, inner - len(text) - 2)
        corners = {"tee": palette.glyphs.tee, "cross": palette.glyphs.cross}
        edge = (corners[picture.edge], palette.faint) if picture.edge else None
        return strip(
            [(" ", palette.faint), (text, style), (f" {rule}", palette.faint)], width, palette.faint, edge=edge
        )

    def _writes(self, picture: PanePicture, inner: int) -> StyledLine:
        """The row under the title: the tokens that the neuron promotes in this quadrant, the sign in its colour."""
        palette = self.palette
        sign = output_sign(picture.record)
        before, out, after = label(sign).partition("+out" if sign > 0 else "-out")
        words = in_a_row(picture.writes, inner - len(before + out + after) - 3, ascii_only=palette.ascii_only)
        ramp = picture.look.ramp
        colour = palette.on_ground(ramp.style(sign, ramp.steps), palette.strong)
        return (
            (f"  {before}", palette.faint),
            (out, colour),
            (f"{after} ", palette.faint),
            (words, palette.faint if picture.seldom else palette.text),
        )

    def _body(self, picture: PanePicture, inner: int, room: int, above: int) -> list[StyledLine]:
        """The visible rows of the contexts and the line after them."""
        shown, palette = picture.examples, self.palette
        if not shown:
            sentence: StyledLine = ((f"  {empty(picture.record, picture.ranking)}", palette.faint),)
            return [sentence][:room]
        wide = inner >= picture.values_from and room > 2
        heading, values = value_columns(shown, picture.ranking, wide=wide)
        room -= wide
        first_cell = len(values[0]) + 2
        width = max(1, inner - first_cell)
        quadrant, look = picture.record.quadrant, picture.look
        lines = [len(fragments(e, quadrant, width, look, True)) if picture.wrap else 1 for e in shown]
        starts = [sum(lines[:number]) for number in range(len(shown) + 1)]
        at = min(picture.cursor.context, len(shown) - 1)
        last = starts[at + 1] - (0 if at == len(shown) - 1 else 1)
        self.top = top_to_show(self.top, starts[at], last, room, starts[-1] + 1)
        rows: list[StyledLine] = [((f" {heading}", palette.faint),)] if wide else []
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
                    head = self._head(
                        picture, values[number] if offset == 0 else " " * len(values[0]), here and offset == 0
                    )
                    rows.append((*head, *row.parts))
        if len(rows) < room + wide:
            words = end(picture.record, picture.ranking, picture.top_k, inner - 2, palette.glyphs.between)
            rows.append(((f"  {words}", palette.faint),))
            rows += self._more(picture, inner, room + wide - len(rows), above + len(rows), at)
        return rows

    def _more(self, picture: PanePicture, inner: int, room: int, above: int, at: int) -> list[StyledLine]:
        """What fills the rows below the contexts: the tokens read in the quadrant, the context at the cursor whole."""
        palette = self.palette
        rows: list[StyledLine] = []
        if room >= len(picture.reads):
            for name, tokens in picture.reads:
                head = f"  {name} reads: "
                words = in_a_row(tokens, inner - len(head), ascii_only=palette.ascii_only) or "not known"
                rows.append(((head, palette.faint), (words, palette.faint if picture.seldom else palette.text)))
        example = picture.examples[at]
        token = example.peak if picture.cursor.token is None else picture.cursor.token
        whole = context_rows(
            example,
            picture.record.quadrant,
            max(1, inner - 3),
            picture.look,
            palette,
            wrap=True,
            cursor=token if picture.focused else None,
            find=picture.find,
        )
        if not picture.wrap and 1 < len(whole) < room - len(rows):
            rows.append(())
            for row in whole:
                self._targets[above + len(rows)] = (at, 2, row)
                rows.append((("  ", palette.text), *row.parts))
        return rows

    def _head(self, picture: PanePicture, value: str, here: bool) -> StyledLine:
        palette = self.palette
        if not here:
            return ((f" {value} ", palette.faint if picture.seldom else palette.text),)
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
