"""A scatter of points in a terminal: braille dots, shaded by how many points share a cell. Pure Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import asinh, ceil, log1p, log10
from statistics import median

from ..colour.depth import Depth
from ..colour.ramp import ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import column
from .ticks import below, chosen, chosen_linear, label, wide_candidates

SCALES = ("linear", "asinh", "log")

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, row column
_DITHER = tuple(
    tuple((threshold + 0.5) / 16 for threshold in row)
    for row in ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
)
"""How full a dot must be to be lit, on the way to the fullest, by logarithms: so crowds don't drown in black."""
_ALONE = 3  # points of a cell that are always seen
_ASCII = " .:*#"
_BRAILLE = 0x2800
_LABEL = 9  # cells in front of the picture
_FEWEST = 3  # numbers that an axis has if multiples of a step give as many


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps a column's values to the screen. An asinh scale is about linear below `unit` and logarithmic above; on a log
    scale all values must be positive."""

    name: str
    scale: str
    low: float  # the smallest value, and the largest
    high: float
    unit: float = 1.0

    def place(self, value: float) -> float:
        """Where the value lies: `place(low)` to `place(high)`."""
        if self.scale == "asinh":
            return asinh(value / self.unit)
        return log10(value) if self.scale == "log" else value

    def slots(self, values: Sequence[float], count: int) -> list[int]:
        """The slot of each value, of `count` slots of equal length."""
        first, last = self.place(self.low), self.place(self.high)
        per = count / (last - first) if last > first else 0.0
        end = count - 1
        if self.scale == "linear":
            return [min(end, int((value - first) * per)) for value in values]
        if self.scale == "asinh":
            scale = 1 / self.unit
            return [min(end, int((asinh(value * scale) - first) * per)) for value in values]
        return [min(end, int((log10(value) - first) * per)) for value in values]


def axis(name: str, values: Sequence[float], scale: str) -> Axis:
    """The axis that holds the values. The unit of asinh is the median magnitude of the values other than 0."""
    unit = 1.0
    if scale == "asinh":
        unit = median([abs(value) for value in values if value] or [1.0])
    return Axis(name, scale, min(values), max(values), unit)


def picture(
    x: Axis,
    y: Axis,
    xs: Sequence[float],
    ys: Sequence[float],
    size: tuple[int, int],
    depth: Depth,
    *,
    light: bool = False,
    ascii_only: bool = False,
) -> list[StyledLine]:
    """The points in `size` (cells, lines), with round numbers along both axes."""
    width, height = max(8, size[0] - _LABEL - 1), max(4, size[1] - 2)
    cells = _cells(Counter(zip(x.slots(xs, 2 * width), y.slots(ys, 4 * height), strict=True)), 4 * height - 1)
    largest = log1p(max(number for number, _ in cells.values()))
    styles = ramp(depth, light=light)
    coloured = depth in (Depth.TRUE, Depth.ANSI256, Depth.ANSI16)
    beside = ticks(y, lambda value: (4 * height - 1 - y.slots([value], 4 * height)[0]) // 4, lambda _: 1)
    under = ticks(x, lambda value: x.slots([value], 2 * width)[0] // 2, lambda value: len(label(value)) // 2 + 1)
    upright, corner, level, across, up = "|+-++" if ascii_only else "│└─┤┬"
    lines: list[StyledLine] = []
    for line in range(height):
        head = f"{column(label(beside[line]), _LABEL)}{across}" if line in beside else " " * _LABEL + upright
        runs: list[tuple[str, Style]] = [(head, PLAIN)]
        for place in range(width):
            number, bits = cells.get((line, place), (0, 0))
            share = log1p(number) / largest
            if ascii_only:
                glyph = _ASCII[ceil(share * (len(_ASCII) - 1))]
            else:
                glyph = chr(_BRAILLE + bits) if bits else " "
            runs.append((glyph, styles.style(1.0, round(share * styles.steps)) if coloured and number else PLAIN))
        lines.append(tuple(runs))
    rule = "".join(up if place in under else level for place in range(width))
    lines.append(((" " * _LABEL + corner + rule, PLAIN),))
    lines.append(((" " * (_LABEL + 1) + below(under, width), PLAIN),))
    return lines


def _cells(dots: Counter[tuple[int, int]], top: int) -> dict[tuple[int, int], tuple[int, int]]:
    """For each cell, by (line, place): its number of points and the bits of its braille character."""
    numbers: dict[tuple[int, int], int] = {}
    for (across, up), number in dots.items():
        cell = ((top - up) // 4, across // 2)
        numbers[cell] = numbers.get(cell, 0) + number
    fullest = log1p(max(dots.values()))
    bits = dict.fromkeys(numbers, 0)
    for (across, up), number in dots.items():
        down = top - up
        cell = (down // 4, across // 2)
        if numbers[cell] <= _ALONE or log1p(number) / fullest > _DITHER[down % 4][across % 4]:
            bits[cell] |= _DOTS[down % 4][across % 2]
    return {cell: (number, bits[cell]) for cell, number in numbers.items()}


def ticks(axis: Axis, slot: Callable[[float], int], room: Callable[[float], int]) -> dict[int, float]:
    """Round numbers by the slot that they stand at."""
    if axis.scale == "linear":
        return chosen_linear(axis.low, axis.high, slot, room)
    least = axis.low if axis.scale == "log" else axis.unit / 10
    found = chosen(wide_candidates(axis.low, axis.high, least), slot, room)
    return found if len(found) >= _FEWEST else max(found, chosen_linear(axis.low, axis.high, slot, room), key=len)
