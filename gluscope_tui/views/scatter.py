"""A scatter of points in a terminal: braille dots, shaded by how many points share a cell. Pure Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh, ceil, log1p, log10
from statistics import median

from ..colour.depth import Depth
from ..colour.ramp import ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import column
from .numbers import signed

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
    """The points in `size` (cells, lines), labelled with the ends of both axes, and with 0 if it lies between them."""
    width, height = max(8, size[0] - _LABEL - 1), max(4, size[1] - 2)
    cells = _cells(Counter(zip(x.slots(xs, 2 * width), y.slots(ys, 4 * height), strict=True)), 4 * height - 1)
    largest = log1p(max(number for number, _ in cells.values()))
    styles = ramp(depth, light=light)
    coloured = depth in (Depth.TRUE, Depth.ANSI256, Depth.ANSI16)
    labels = _labels(y, 4 * height, height)
    upright, corner, level = "|+-" if ascii_only else "│└─"
    lines: list[StyledLine] = []
    for line in range(height):
        runs: list[tuple[str, Style]] = [(f"{column(labels.get(line, ''), _LABEL)}{upright}", PLAIN)]
        for place in range(width):
            number, bits = cells.get((line, place), (0, 0))
            share = log1p(number) / largest
            if ascii_only:
                glyph = _ASCII[ceil(share * (len(_ASCII) - 1))]
            else:
                glyph = chr(_BRAILLE + bits) if bits else " "
            runs.append((glyph, styles.style(1.0, round(share * styles.steps)) if coloured and number else PLAIN))
        lines.append(tuple(runs))
    lines.append(((" " * _LABEL + corner + level * width, PLAIN),))
    lines.append(((" " * (_LABEL + 1) + _below(x, 2 * width, width), PLAIN),))
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


def _labels(y: Axis, rows: int, height: int) -> dict[int, str]:
    """The text in front of some lines: the ends, and 0."""
    found = {0: signed(y.high), height - 1: signed(y.low)}
    if y.low < 0 < y.high:
        found.setdefault((rows - 1 - y.slots([0.0], rows)[0]) // 4, "0")
    return found


def _below(x: Axis, columns: int, width: int) -> str:
    """The line under the picture: the ends, and 0 if there is room."""
    low, high = signed(x.low), signed(x.high)
    text = low + " " * max(1, width - len(low) - len(high)) + high
    if x.low < 0 < x.high:
        zero = x.slots([0.0], columns)[0] // 2
        if len(low) < zero < width - len(high) - 1:
            text = text[:zero] + "0" + text[zero + 1 :]
    return text
