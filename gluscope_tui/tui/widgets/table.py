"""A table of any number of rows: draws the visible ones under headings of two lines; the first column stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from textual import events
from textual.message import Message
from textual.strip import Strip

from ...colour.style import Style
from ...text.cells import cell_len, column, shorten
from ..drawing.painting import strip
from ..drawing.palette import Palette
from .lines import Lines

GAP = 1
BEFORE, AFTER = "[", "]"
"""Around the cell under the cursor, in the gaps beside it; the cell is underlined too, and keeps its colours."""
_LEAST_REST = 8
_LEAST_NOTE = 12


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: name, the two lines of its heading, width in cells (0 for the remaining width), alignment.

    `most`: its width where cells are free.
    """

    name: str
    upper: str
    lower: str
    width: int
    right: bool = True
    most: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """Untrusted text and its shade: a level of the ramp with the value's sign, 0 for none.

    `short` is shown instead where the text doesn't fit.
    """

    text: str
    level: int = 0
    short: str = ""


@dataclass(frozen=True, slots=True)
class TablePicture:
    """The visible rows, from place `first` on; None for a row that is still being read."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...] | None, ...]
    first: int = 0
    place: int = 0
    column: int | None = None  # under the cursor; None if the cursor is a whole row
    sorted_by: str = ""
    descending: bool = True
    magnitude: bool = False  # sorted without signs
    empty: str = ""  # the text shown if there are no rows
    heads: int = 2  # the lines of the headings
    selected: frozenset[int] = frozenset()  # places of selected rows
    notes: Mapping[int, str] = field(default_factory=dict)  # by place: shown after the columns if there is room


class Table(Lines[TablePicture]):
    """The widget. Clicks and the wheel become messages."""

    class Clicked(Message):
        """A cell was clicked; `place` None: the heading of the column. `twice`: a double click."""

        def __init__(self, place: int | None, column: int, twice: bool) -> None:
            self.place, self.column, self.twice = place, column, twice
            super().__init__()

    class Wheel(Message):
        """The wheel was turned, by so many rows."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    _left = 1
    _slots: tuple[tuple[int, int, int], ...] = ()

    def draw(self, picture: TablePicture, width: int, height: int) -> list[Strip]:
        palette = self.palette
        self._slots = self._visible(picture, width)
        rows = self._heads(picture, width)
        if not picture.rows:
            rows.append(strip([(f"  {picture.empty}", palette.faint)], width, palette.text))
        for offset, cells in enumerate(picture.rows[: max(0, height - picture.heads)]):
            rows.append(self._row(picture, cells, picture.first + offset, width))
        return rows

    def _visible(self, picture: TablePicture, width: int) -> tuple[tuple[int, int, int], ...]:
        """The visible columns as (number, first cell, width): the first column, then those from `_left` on."""
        cursor = picture.column
        last = len(picture.headings) - 1
        self._left = min(max(1, self._left), max(1, last))
        if cursor is not None and 1 <= cursor < self._left:
            self._left = cursor
        while True:
            slots = _slots(picture.headings, self._left, width)
            shown = {number for number, *_ in slots}
            if cursor is None or cursor in shown or self._left >= min(cursor, last):
                return slots
            self._left += 1

    def _heads(self, picture: TablePicture, width: int) -> list[Strip]:
        palette = self.palette
        upper: list[tuple[str, Style]] = []
        lower: list[tuple[str, Style]] = []
        group, used = None, 0
        for number, start, cells in self._slots:
            heading = picture.headings[number]
            if heading.upper != group:
                upper.append((" " * (start - used) + heading.upper, palette.title))
                used = max(used, start) + cell_len(heading.upper)
                group = heading.upper
            mark = ""
            if heading.name == picture.sorted_by:
                mark = palette.glyphs.down if picture.descending else palette.glyphs.up
                mark += "|" if picture.magnitude else ""
            words = _placed(mark + heading.lower, cells, heading.right)
            lower.append((" " * (start - sum(cell_len(text) for text, _ in lower)), palette.text))
            lower.append((words, palette.title_focused if number == picture.column else palette.title))
        lines = [upper, lower] if picture.heads == 2 else [lower]
        return [strip(line, width, palette.text) for line in [*lines[:-1], self._with_more(lines[-1], picture, width)]]

    def _with_more(self, line: list[tuple[str, Style]], picture: TablePicture, width: int) -> list[tuple[str, Style]]:
        """The last line of the headings, with a sign at its end where more columns are to the left or right."""
        glyphs, faint = self.palette.glyphs, self.palette.warning
        left = glyphs.left if len(picture.headings) > 1 and self._left > 1 else ""
        right = glyphs.right if self._slots and self._slots[-1][0] < len(picture.headings) - 1 else ""
        signs = left + right
        used = sum(cell_len(text) for text, _ in line)
        if not signs:
            return line
        if used + len(signs) <= width:
            return [*line, (" " * (width - used - len(signs)) + signs, faint)]
        text, style = line[-1]
        room = max(0, cell_len(text) - (used + len(signs) - width))
        return [*line[:-1], (shorten(text, room, ascii_only=self.palette.ascii_only), style), (signs, faint)]

    def _row(self, picture: TablePicture, cells: tuple[Cell, ...] | None, place: int, width: int) -> Strip:
        palette, here = self.palette, place == picture.place
        plain = palette.strong if here else palette.text
        line: list[tuple[str, Style]] = [(edge(palette, here=here, selected=place in picture.selected), plain)]
        used = 1
        before = ""  # the bracket that closes the cell before
        for number, start, room in self._slots:
            under = here and cells is not None and number == picture.column
            gap = before + " " * (start - used - len(before))
            line.append((f"{gap[:-1]}{BEFORE}" if under and number else gap, plain))
            before = AFTER if under and number else ""
            cell = Cell("" if number else palette.glyphs.more) if cells is None else cells[number]
            style = palette.on_ground(palette.ramp.style(cell.level, abs(cell.level)), plain)
            text = cell.short if cell.short and cell_len(cell.text) > room else cell.text
            text = shorten(text, room, ascii_only=palette.ascii_only)
            style = replace(style, underline=True) if under else style
            line.append((_placed(text, room, picture.headings[number].right), style))
            used = start + room
        line.append((before, plain))
        used += len(before)
        note = picture.notes.get(place, "")
        if note and self._slots[-1][0] == len(picture.headings) - 1 and width - used - GAP >= _LEAST_NOTE:
            start = used + GAP + len(AFTER) - len(before)  # the same in every row
            line.append((" " * (start - used), plain))
            line.append((shorten(note, width - start, ascii_only=palette.ascii_only), palette.faint))
        return strip(line, width, palette.text)

    def on_click(self, event: events.Click) -> None:
        if self.picture is None:
            return
        number = next((number for number, start, cells in self._slots if start <= event.x < start + cells + GAP), None)
        offset = event.y - self.picture.heads
        if offset >= len(self.picture.rows) or (offset < 0 and number is None):
            return
        place = None if offset < 0 else self.picture.first + offset
        at = number if number is not None else self.picture.column or 0
        self.post_message(self.Clicked(place, at, event.chain > 1))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))


def edge(palette: Palette, *, here: bool, selected: bool) -> str:
    """The first cell of a row: whether it is selected, or under the cursor."""
    return palette.glyphs.selected if selected else palette.glyphs.cursor if here else " "


def _slots(headings: tuple[Heading, ...], left: int, width: int) -> tuple[tuple[int, int, int], ...]:
    """(column, first cell, width) of the columns that fit: the first one and those from `left` on."""
    found: list[tuple[int, int, int]] = []
    start = 1
    order = [0, *range(left, len(headings))]
    for at, number in enumerate(order):
        heading = headings[number]
        cells = heading.width or max(_LEAST_REST, width - start)
        if found and start + cells > width:
            break
        following = headings[order[at + 1]].upper if at + 1 < len(order) else None
        alone = heading.upper and heading.upper != following
        first_of_group = not found or headings[found[-1][0]].upper != heading.upper
        if alone and first_of_group:  # its upper line must fit by itself
            cells = max(cells, cell_len(heading.upper))
        found.append((number, start, min(cells, max(1, width - start))))
        start += cells + GAP
    return _grown(found, headings, width)


def _grown(
    slots: list[tuple[int, int, int]], headings: tuple[Heading, ...], width: int
) -> tuple[tuple[int, int, int], ...]:
    """The slots, with the free cells given to columns that can use more than their width: all that one can use, or what
    there is to the last one."""
    last, start, cells = slots[-1]
    free, moved, grown = max(0, width - start - cells), 0, []
    for number, start, cells in slots:
        more = max(0, headings[number].most - cells)
        more = min(free, more) if number == last else more if more <= free else 0
        grown.append((number, start + moved, cells + more))
        free, moved = free - more, moved + more
    return tuple(grown)


def _placed(text: str, cells: int, right: bool) -> str:
    return column(text, cells) if right else text + " " * max(0, cells - cell_len(text))
