"""Where the examples of a neuron are from, and their values, without their windows: quick enough for every neuron."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...quadrants import QUADRANTS, Quadrant
from ...ranking import RANKINGS
from .examples import chosen
from .unpacking import PackedExamples

PeakPlaces = Mapping[tuple[Quadrant, str], tuple[tuple[float, int], ...]]
"""By quadrant and ranking, best first: the value of each example, and the number of its sequence."""


def peak_places(packed: PackedExamples, rankings: Collection[str], limit: int | None, *, flip: bool) -> PeakPlaces:
    """The examples of a neuron; with `flip` as if w_in and w_out were negated."""
    found = {}
    for (ranking, quadrant), peaks in chosen(packed, rankings, QUADRANTS, limit).items():
        sign = -1 if flip and RANKINGS[ranking].negated_by_flip else 1
        values = [RANKINGS[ranking].value([exact[peak] for exact in packed.values]) for peak in peaks]
        numbers = [packed.sequences[peak] for peak in peaks]
        found[quadrant.flipped if flip else quadrant, ranking] = tuple(
            (sign * value + 0.0, number) for value, number in zip(values, numbers, strict=True)
        )
    return found
