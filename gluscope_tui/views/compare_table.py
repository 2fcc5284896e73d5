"""The table of a comparison: frequencies, their differences, means and extremes, in blocks as wide as there is room."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.quadrants import QUADRANTS, Quadrant

from ..text.cells import cell_len, column, shorten
from .compare import Compared, Difference
from .contexts import colour_of
from .numbers import frequency, signed

_NAME_CELLS = 10
_LEAST_CELLS = 9
_MARGIN = 4  # cells before the columns, for the quadrant
_GROUPS = (range(3), range(3, 5), range(5, 7))
"""Columns that belong together: frequencies and their difference, means, extremes."""
_MOST_DIGITS = 6  # after the point


@dataclass(frozen=True, slots=True)
class Block:
    """Columns side by side: two lines of headings, and a row a quadrant, each of its name and its words."""

    heads: tuple[str, str]
    rows: tuple[tuple[str, str], ...]


def blocks(compared: Compared, width: int, *, ascii_only: bool = False) -> Iterator[Block]:
    """All columns in one block if `width` cells (40 or more) hold them, else the groups of columns in several."""
    quantity = colour_of(compared.ranking)
    names = [shorten(name, _NAME_CELLS, ascii_only=ascii_only) for name in compared.names]
    uppers = ["frequency", "", "difference", f"mean {quantity}", "", f"max {quantity}", ""]
    lowers = [*names, "in points", *names, *names]
    shown = [quadrant for quadrant in QUADRANTS if quadrant in compared.one.quadrants]
    rows = [_row(compared, quadrant, ascii_only=ascii_only) for quadrant in shown]
    columns = zip(uppers, lowers, *rows, strict=True)
    widths = [max(_LEAST_CELLS, *map(cell_len, cells)) for cells in columns]
    for places in _packed(widths, width):
        words = [" ".join(column(cells[place], widths[place]) for place in places) for cells in (uppers, lowers, *rows)]
        yield Block((words[0], words[1]), tuple(zip(map(str, shown), words[2:], strict=True)))


def _packed(widths: Sequence[int], width: int) -> Iterator[list[int]]:
    """The columns of each block."""
    block: list[int] = []
    for group in _GROUPS:
        wider = [*block, *group]
        if block and _MARGIN + sum(widths[place] + 1 for place in wider) - 1 > width:
            yield block
            wider = [*group]
        block = wider
    yield block


def _row(compared: Compared, quadrant: Quadrant, *, ascii_only: bool) -> list[str]:
    quantity = colour_of(compared.ranking)
    one, other = (record.quadrants[quadrant] for record in compared.records)
    totals = [record.tokens_counted for record in compared.records]
    return [
        frequency(one.count, totals[0]),
        frequency(other.count, totals[1]),
        points(compared.difference(quadrant), ascii_only=ascii_only),
        *(signed(record.mean[quantity]) for record in (one, other)),
        *(signed(record.extreme[quantity]) for record in (one, other)),
    ]


def points(difference: Difference, *, ascii_only: bool = False) -> str:
    """`-9.30`, with its standard error `-9.30 ±0.12`; `-` without tokens.

    The error has two significant digits and the difference as many after the point; without an error it has two
    itself. A difference has at least two digits after the point.
    """
    if difference.points is None:
        return "-"
    if difference.error is None:
        return f"{difference.points:+.{max(2, _decimals(difference.points))}f}"
    within = "+-" if ascii_only else "±"
    decimals = _decimals(difference.error)
    return f"{difference.points:+.{max(2, decimals)}f} {within}{difference.error:.{decimals}f}"


def _decimals(value: float) -> int:
    """How many digits after the point show two significant ones."""
    return min(_MOST_DIGITS, max(0, 1 - math.floor(math.log10(abs(value))))) if value else 0
