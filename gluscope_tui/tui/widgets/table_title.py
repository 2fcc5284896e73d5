"""The first line of a table: its name, the place in it, its order, its condition."""

from __future__ import annotations

from dataclasses import dataclass

from ...colour.style import StyledLine
from ...text.cells import shorten
from ...views.numbers import full_count
from ..drawing.painting import Part, fitted
from .lines import OneLine


@dataclass(frozen=True, slots=True)
class TitleOfTable:
    """The contents of the line. `what` is the user's text, such as the condition."""

    name: str
    place: int
    total: int
    stale: bool = False
    whole: bool = True  # whether all rows are known
    what: str = ""
    order: str = ""
    more: str = ""
    note: str = ""  # of the mark under the cursor, clean


class TableTitle(OneLine[TitleOfTable]):
    """Name, place of total, condition, order, the note of the neuron under the cursor."""

    def line(self, picture: TitleOfTable, width: int) -> StyledLine:
        palette = self.palette
        stale = ("~" if palette.ascii_only else "…") if picture.stale else " "
        here = f"{full_count(picture.place + 1 if picture.total else 0)} of {full_count(picture.total)}"
        here += "" if picture.whole else "+"
        if picture.stale and not picture.total:  # nothing has come yet
            here = ""
        used = len(picture.name) + len(here) + len(picture.order) + 14
        what = shorten(picture.what, max(12, width - used), ascii_only=palette.ascii_only)
        parts = [
            Part(picture.name + stale, palette.strong),
            Part(here, palette.text, 1),
            Part(f"by {picture.order}" if picture.order else "", palette.text, 4),
            Part(what, palette.strong, 2),
            Part(shorten(picture.note, max(16, width // 3), ascii_only=palette.ascii_only), palette.strong, 3),
            Part(picture.more, palette.faint, 5),
        ]
        return ((" ", palette.text), *fitted(parts, width - 1, "  ", palette.text))
