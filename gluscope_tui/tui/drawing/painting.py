"""Turns styled text into Textual's strips of an exact width, dropping the least important parts first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from ...colour.style import Style, StyledLine
from ...text.cells import fit


def strip(
    parts: Iterable[tuple[str, Style]], width: int, ground: Style, *, edge: tuple[str, Style] | None = None
) -> Strip:
    """Exactly `width` cells: the parts in order, cut at the right, then background, then the one-cell `edge` if any.

    Neighbours of one style are joined, so that a row has as few changes of style as possible. The text must be clean.
    """
    joined: list[tuple[str, Style]] = []
    room = width if edge is None else width - 1
    ground = ground if edge is None else edge[1]
    for text, style in parts:
        if room <= 0:
            break
        cells = cell_len(text)
        if cells > room:
            text, cells = fit(text, room), room
        room -= cells
        if joined and joined[-1][1] == style:
            joined[-1] = (joined[-1][0] + text, style)
        elif text:
            joined.append((text, style))
    rest = " " * room + (edge[0] if edge is not None else "")
    if rest:
        if joined and joined[-1][1] == ground:
            joined[-1] = (joined[-1][0] + rest, ground)
        else:
            joined.append((rest, ground))
    return Strip([Segment(text, style.rich()) for text, style in joined], width)


def blank(width: int, ground: Style) -> Strip:
    """A row of plain background."""
    return strip((), width, ground)


def first_that_fits(candidates: Iterable[str], width: int) -> str:
    """The first wording that fits, tried in order from fullest to shortest; the last one, cut, if none fits."""
    wording = ""
    for wording in candidates:
        if cell_len(wording) <= width:
            return wording
    return fit(wording, width)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line. If the line is too long, parts with the largest `drop` go first; a part with 0 always stays.

    `near`: a single blank separates it from the part before it.
    """

    text: str
    style: Style
    drop: int = 0
    near: bool = False


def fitted(parts: Sequence[Part], width: int, gap: str, ground: Style) -> StyledLine:
    """The parts with gaps between them, in at most `width` cells."""
    kept = [part for part in parts if part.text]
    while len(kept) > 1 and sum(cell_len(part.text) for part in kept) + len(gap) * (len(kept) - 1) > width:
        worst = max(kept, key=lambda part: part.drop)
        if worst.drop == 0:
            break
        kept.remove(worst)
    line: list[tuple[str, Style]] = []
    for part in kept:
        if line:
            line.append((" " if part.near else gap, ground))
        line.append((part.text, part.style))
    return tuple(line)
