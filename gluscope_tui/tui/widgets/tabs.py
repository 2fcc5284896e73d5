"""The tab row over a single pane: all four quadrants, the focused one in brackets with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from indexer.database.records import NeuronRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ...colour.style import Style, StyledLine
from ...views.numbers import frequency
from ..drawing.palette import Palette
from ..drawing.titles import BARS, bar, numbers
from .lines import OneLine


@dataclass(frozen=True, slots=True)
class Tabs:
    """The contents of the tab row."""

    record: NeuronRecord
    focused: Quadrant
    ranking: str
    faint: str  # as in a pane


def tab_cells(tabs: Tabs) -> list[tuple[int, int, Quadrant]]:
    """The place of each tab: its first cell, the cell after its last, and its quadrant."""
    cells, start = [], 1
    for quadrant in QUADRANTS:
        stop = start + len(_tab(tabs, quadrant))
        cells.append((start, stop, quadrant))
        start = stop + 1
    return cells


def tab_line(tabs: Tabs, width: int, palette: Palette) -> StyledLine:
    """`[++ ▃ 12.4%] +- 8.31% -+ 3/113k -- never`, and as many of the focused pane's words and numbers as fit."""
    line: list[tuple[str, Style]] = [(" ", palette.text)]
    for quadrant in QUADRANTS:
        style = palette.text if tabs.record.quadrants[quadrant].count else palette.faint
        line.append(
            (_tab(tabs, quadrant, palette.glyphs.bars), palette.title_focused if quadrant is tabs.focused else style)
        )
        line.append((" ", palette.text))
    stats = tabs.record.quadrants[tabs.focused]
    room = width - sum(len(text) for text, _ in line)
    words = numbers(stats, tabs.ranking, room - 1, faint=tabs.faint)
    if words:
        line.append((f" {words}", palette.text))
    return tuple(line)


def _tab(tabs: Tabs, quadrant: Quadrant, bars: str = BARS) -> str:
    count, total = tabs.record.quadrants[quadrant].count, tabs.record.tokens_counted
    often = frequency(count, total)
    if quadrant is not tabs.focused:
        return f"{quadrant.value} {often}"
    return f"[{quadrant.value} {bar(count / total, bars)} {often}]" if count else f"[{quadrant.value} {often}]"


class TabRow(OneLine[Tabs]):
    """A row of tabs; a click on one chooses its quadrant."""

    class Chosen(Message):
        def __init__(self, quadrant: Quadrant) -> None:
            self.quadrant = quadrant
            super().__init__()

    def line(self, picture: Tabs, width: int) -> StyledLine:
        return tab_line(picture, width, self.palette)

    def on_click(self, event: events.Click) -> None:
        if self.picture is None:
            return
        for start, stop, quadrant in tab_cells(self.picture):
            if start <= event.x < stop:
                self.post_message(self.Chosen(quadrant))
