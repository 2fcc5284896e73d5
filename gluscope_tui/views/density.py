"""The joint density of gate and in over a neuron's sample, as a small picture."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from indexer.database.read.sampled import split
from indexer.database.records import Sample
from indexer.quadrants import QUADRANTS, Quadrant

from ..colour.ramp import Ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import fit
from .bins import Axis, Density, density, enlarged
from .numbers import full_count
from .ticks import below, chosen, label, wide_candidates

LEAST_WIDTH, LEAST_HEIGHT = 34, 12
_MARGINAL_CELLS = 4  # of gate's marginal, at the right
_MARGINAL_ROWS = 2  # of in's marginal, below
_FAINTEST = 0.4  # share of the ramp that one position already has, so that no outlier is overlooked
_SHADES = 5
_MOST_BINS = 22
"""On each side of 0. A sample of a thousand positions is too sparse for more: pixels of a larger picture are larger."""
_BOLD = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Ink:
    """How a picture is drawn: in colours if the ramp has backgrounds, else in shaded characters."""

    ramp: Ramp
    ground: Style = PLAIN
    faint: Style = PLAIN  # axes and scales
    strong: Style = _BOLD
    ascii_only: bool = False

    @property
    def halves(self) -> bool:
        """Whether a cell holds two pixels, one above the other, each with a colour of its own."""
        return self.ramp.steps > 3 and not self.ascii_only

    @property
    def shades(self) -> str:
        return ".:-=+*#@" if self.ascii_only else "░▒▓█"

    @property
    def bars(self) -> str:
        return " .:-=+*#@" if self.ascii_only else " ▁▂▃▄▅▆▇█"

    @property
    def lines(self) -> tuple[str, str, str]:
        """Horizontal, vertical, crossing."""
        return ("-", "|", "+") if self.ascii_only else ("─", "│", "┼")


def picture(sample: Sample, width: int, height: int, ink: Ink) -> list[StyledLine]:
    """The density in `width` x `height` cells (or LEAST_WIDTH x LEAST_HEIGHT): the four quadrants where their
    panes are, both marginals, round numbers along the axes, and the meaning of a shade."""
    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    rows, columns = (height - 6 - _MARGINAL_ROWS) // 2, (width - _MARGINAL_CELLS - 10) // 2  # on each side of 0
    gutter = width - 2 * columns - 2 - _MARGINAL_CELLS
    together = 2 if ink.halves else 1  # pixels in the height of a cell
    large = -(-rows * together // _MOST_BINS)  # cells that a bin is wide, and pixels that it is high
    bins = rows * together // large
    bins -= bins * large % together
    counted_once = density(sample, bins, columns // large)
    if counted_once is None:
        return [((line, ink.faint),) for line in textwrap.wrap(_nothing(sample), max(width, 20))]
    found = enlarged(counted_once, large)
    rows, columns = found.gate.half // together, found.in_.half
    inside = split(sample)
    counted = {quadrant: len(part) for quadrant, part in inside.items()}
    hues = {quadrant: -1 if sum(part.post) < 0 else 1 for quadrant, part in inside.items()}
    cells = _cells(found, rows, columns, hues, ink)
    ticks = _ticks(replace(found.gate, half=rows), lambda _: 1)
    bars = _side_bars(found, rows, ink)
    horizontal, vertical, crossing = ink.lines
    out: list[StyledLine] = [_labels(QUADRANTS[:2], counted, gutter, columns, ink, "gate")]
    for row in range(2 * rows + 1):
        head = (fit(f"{label(ticks[row]) if row in ticks else '':>{gutter - 1}} ", gutter), ink.faint)
        if row == rows:
            line = horizontal * columns
            out.append((head, (line + crossing + line, ink.faint)))
            continue
        left, right = cells[row - (row > rows)]
        out.append((head, *left, (vertical, ink.faint), *right, (f" {bars[row - (row > rows)]}", ink.faint)))
    out.append(_labels(QUADRANTS[2:], counted, gutter, columns, ink))
    out += _bars_below(found, gutter, columns, ink)
    along = below(_ticks(found.in_, lambda value: len(label(value)) // 2 + 1), 2 * columns + 1)
    out.append(((f"{'in':>{gutter - 1}} {along}", ink.faint),))
    return [*out, *_scale(counted_once, sample, width, ink)]


def _ticks(axis: Axis, room: Callable[[float], int]) -> dict[int, float]:
    """Round numbers by their slot: the positive ones first, then 0 in the middle, then the negative ones."""

    def slot(value: float) -> int:
        return axis.half if value == 0 else axis.bin(value) + (value < 0)

    return chosen(wide_candidates(-axis.end, axis.end, axis.linear / 5), slot, room)


def _nothing(sample: Sample) -> str:
    if not len(sample):
        return "no sampled position: the site counted none, or was indexed with --sample 0"
    return f"at all {full_count(len(sample))} sampled positions gate or in is 0"


def _labels(
    quadrants: Sequence[Quadrant], counted: dict[Quadrant, int], gutter: int, columns: int, ink: Ink, name: str = ""
) -> StyledLine:
    left, right = (f"{quadrant} {full_count(counted[quadrant])}" for quadrant in quadrants)
    return (
        (f"{name:>{gutter - 1}} ", ink.faint),
        (fit(left, columns), ink.strong),
        (ink.lines[1], ink.faint),
        (f"{right:>{columns}}", ink.strong),
    )


def level(count: int, largest: int, shades: int) -> int:
    """The shade of a count, 1 to `shades` by its logarithm; 0 for none."""
    if count <= 0:
        return 0
    return shades if count >= largest else 1 + int(shades * math.log(count) / math.log(largest))


def _cells(
    found: Density, rows: int, columns: int, hues: dict[Quadrant, int], ink: Ink
) -> list[tuple[StyledLine, StyledLine]]:
    """Every row of cells, left and right of the axis."""
    out = []
    for row in range(2 * rows):
        quadrants = QUADRANTS[:2] if row < rows else QUADRANTS[2:]
        pixels = found.counts[2 * row : 2 * row + 2] if ink.halves else found.counts[row : row + 1]
        sides = [
            tuple(
                _cell([line[column] for line in pixels], found.largest, hues[quadrant], ink)
                for column in range(start, start + columns)
            )
            for start, quadrant in zip((0, columns), quadrants, strict=True)
        ]
        out.append((sides[0], sides[1]))
    return out


def _cell(counts: Sequence[int], largest: int, hue: int, ink: Ink) -> tuple[str, Style]:
    if not any(counts):
        return " ", ink.ground
    if not ink.halves:
        return ink.shades[level(counts[0], largest, len(ink.shades)) - 1], ink.ground
    upper, lower = (_colour(count, largest, hue, ink) for count in counts)
    if upper is None:
        return "▄", Style(lower, ink.ground.bg)
    return "▀", Style(upper, ink.ground.bg if lower is None else lower)


def _colour(count: int, largest: int, hue: int, ink: Ink) -> int | tuple[int, int, int] | None:
    """The colour of a pixel: orange or blue, as in contexts of the quadrant; None without positions."""
    if not count:
        return None
    faintest = math.ceil(_FAINTEST * ink.ramp.steps)
    shades = min(_SHADES, ink.ramp.steps - faintest + 1)
    up = (level(count, largest, shades) - 1) / (shades - 1)
    return ink.ramp.style(hue, round(faintest + up * (ink.ramp.steps - faintest))).bg


def _side_bars(found: Density, rows: int, ink: Ink) -> list[str]:
    """The marginal of gate: a horizontal bar for every row of cells."""
    together = 2 if ink.halves else 1
    counts = found.of_gate()
    sums = [sum(counts[row * together : (row + 1) * together]) for row in range(2 * rows)]
    most = max(sums)
    if ink.ascii_only:
        return ["#" * math.ceil(_MARGINAL_CELLS * count / most) for count in sums]
    out = []
    for count in sums:
        full, rest = divmod(math.ceil(8 * _MARGINAL_CELLS * count / most), 8)
        out.append("█" * full + " ▏▎▍▌▋▊▉"[rest].strip())
    return out


def _bars_below(found: Density, gutter: int, columns: int, ink: Ink) -> list[StyledLine]:
    """The marginal of in: a vertical bar for every column, standing on the line of the axis' ends."""
    counts = found.of_in()
    steps, most = len(ink.bars) - 1, max(counts)
    heights = [math.ceil(_MARGINAL_ROWS * steps * count / most) for count in counts]
    out: list[StyledLine] = []
    for row in reversed(range(_MARGINAL_ROWS)):
        bars = "".join(ink.bars[min(max(height - row * steps, 0), steps)] for height in heights)
        out.append(((" " * gutter + f"{bars[:columns]} {bars[columns:]}", ink.faint),))
    return out


def _scale(found: Density, sample: Sample, width: int, ink: Ink) -> list[StyledLine]:
    """The meaning of a shade, the number of positions, and where the axes bend."""
    zero = len(sample) - sum(found.of_gate())
    where = f"{full_count(len(sample))} sampled" + (f", {full_count(zero)} in no quadrant" if zero else "")
    firsts: dict[tuple[str, Style], int] = {}
    for count in range(1, found.largest + 1):
        glyph, style = _cell([count, count] if ink.halves else [count], found.largest, 1, ink)
        firsts.setdefault((glyph, style), count)
    keys: list[tuple[str, Style]] = [(" a pixel" if ink.halves else " a cell", ink.faint)]
    used = len(keys[0][0])
    for (glyph, style), count in firsts.items():
        words = f" {count}"
        if used + 2 + len(words) > width - len(where) - 2:
            break
        keys += [(" ", ink.ground), (glyph, style), (words, ink.faint)]
        used += 2 + len(words)
    bends = f" asinh axes, linear to gate {found.gate.linear:.2g}, in {found.in_.linear:.2g}"
    return [((f" {where} ", ink.faint), *keys), ((bends if len(bends) <= width else " asinh axes", ink.faint),)]
