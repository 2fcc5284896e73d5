"""The sample of a neuron as lines: quantiles by quadrant, percentiles of values, the density beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from indexer.database.read.sampled import LEAST, PROBABILITIES, Place, Quantiles, quantiles
from indexer.database.records import Sample
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant

from ..colour.style import StyledLine
from ..text.cells import cell_len
from .density import Ink, picture
from .numbers import float32, full_count, signed

BESIDE_FROM = 72
"""Width from which the quantiles stand beside the density instead of below it."""
PLOT_ROWS = 22
"""Rows of the density by default: as many as the quantiles of four quadrants take."""
_FEW = (0.05, 0.5, 0.95)
_GAP = 2


def place_text(place: Place | None) -> str:
    """`p97`, `p99.8` or `> all 1,024`; "" if there is no percentile. Rounded down, so that p100 is never shown."""
    if place is None:
        return ""
    if place.beyond:
        return f"> all {full_count(place.n)}"
    if place.percent >= 99 or 0 < place.percent < 1:
        return f"p{int(10 * place.percent) / 10:.1f}"
    return f"p{int(place.percent)}"


def place_beside(place: Place | None) -> str:
    """The same beside a context; "" if the value is larger than all sampled ones, as those of most contexts are."""
    return "" if place is not None and place.beyond else place_text(place)


def table(found: dict[Quadrant, Quantiles], shown: Iterable[Quadrant], width: int, ink: Ink) -> list[StyledLine]:
    """The quantiles of the quadrants: five columns, or three (5, 50 and 95 %) if `width` is too small."""
    chosen = [quadrant for quadrant in QUADRANTS if quadrant in set(shown)]
    for probabilities in (PROBABILITIES, _FEW):
        lines = _table(found, chosen, probabilities, ink)
        if max(map(width_of, lines)) <= width:
            break
    return lines


def _table(
    found: dict[Quadrant, Quantiles], chosen: Sequence[Quadrant], probabilities: Sequence[float], ink: Ink
) -> list[StyledLine]:
    places = [PROBABILITIES.index(probability) for probability in probabilities]
    rows: dict[Quadrant, list[list[str]]] = {}
    for quadrant in chosen:
        values = found[quadrant].values or {}
        rows[quadrant] = [
            [name, *(signed(values[name][place]) for place in places)] for name in QUANTITIES if name in values
        ]
    heads = [f"{100 * probability:.0f}%" for probability in probabilities]
    width = max((len(cell) for table in rows.values() for row in table for cell in row[1:]), default=5) + 1
    lines: list[StyledLine] = [(("      " + "".join(f"{head:>{width}}" for head in heads), ink.faint),)]
    for quadrant in chosen:
        n = found[quadrant].n
        few = "" if found[quadrant].values is not None else f": under {LEAST}, no quantiles" if n else ""
        lines.append(((f"{quadrant} {full_count(n)} sampled{few}", ink.strong),))
        lines += [
            ((f" {name:<5}" + "".join(f"{cell:>{width}}" for cell in cells), ink.ground),)
            for name, *cells in rows[quadrant]
        ]
    return lines


def plot(sample: Sample, width: int, height: int, ink: Ink, shown: Iterable[Quadrant] = QUADRANTS) -> list[StyledLine]:
    """The density and the quantiles, side by side or, in a narrow place, one above the other. The density takes
    `height` rows."""
    numbers = quantiles(sample)
    if width < BESIDE_FROM:
        upper = picture(sample, width, height, ink)
        return [*upper, (), *table(numbers, shown, width, ink)] if len(sample) else upper
    right = table(numbers, shown, max(32, width // 2 - 6), ink)
    room = width - max(map(width_of, right)) - _GAP
    left = picture(sample, room, height, ink)
    if not len(sample):
        return left
    return [
        (*one, (" " * (room + _GAP - width_of(one)), ink.ground), *other)
        for one, other in zip_longest(left, right, fillvalue=())
    ]


def width_of(line: StyledLine) -> int:
    """The cells of a line."""
    return sum(cell_len(text) for text, _ in line)


def json(sample: Sample, shown: Iterable[Quadrant] = QUADRANTS) -> dict[str, Any]:
    """The quantiles as docs/formats.md says: numbers along `probabilities`, null under 20 positions."""
    found = quantiles(sample)
    zero = len(sample) - sum(numbers.n for numbers in found.values())
    return {
        "n": len(sample),
        "zero": zero,
        "probabilities": list(PROBABILITIES),
        "quadrants": {quadrant.value: _json(found[quadrant]) for quadrant in QUADRANTS if quadrant in set(shown)},
    }


def _json(found: Quantiles) -> dict[str, Any]:
    values = found.values
    return {
        "n": found.n,
        **{name: None if values is None else [float32(value) for value in values[name]] for name in QUANTITIES},
    }
