"""What the uniform sample says about a neuron: its values in each quadrant, their quantiles, a value's percentile."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant, Quantity
from ..format.activations import twin
from ..records import Sample
from .inflate import DamagedValue

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST = 20
"""Sampled positions that a quadrant must have for quantiles and percentiles."""
SAME = 2.0**-9
"""Magnitudes this close, relatively, count as equal: a sample is kept to 11 bits."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The sampled positions of one quadrant: their number, and for each quantity a value for each of PROBABILITIES.

    `values` is None with fewer than LEAST positions. Values are signed: the first of a negative quantity is the most
    negative.
    """

    n: int
    values: Mapping[str, tuple[float, ...]] | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a magnitude lies: `percent` of `n` sampled ones are smaller, equal ones counted half.

    `beyond`: the magnitude is larger than all `n`.
    """

    percent: float
    n: int
    beyond: bool


def sample_of(lanes: Sequence[tuple[float, ...]], activation: str, *, flip: bool) -> Sample:
    """The sample that lanes (gate, in[, act], raw signs) encode. DamagedValue if act can't be computed."""
    named = dict(zip((Quantity.GATE, Quantity.IN, Quantity.ACT), lanes, strict=False))
    if Quantity.ACT not in named:
        function = twin(activation)
        if function is None:
            raise DamagedValue(f"the activation {activation} is not known")
        named[Quantity.ACT] = tuple([function(value) + 0.0 for value in named[Quantity.GATE]])
    if flip:
        named |= {one: tuple([0.0 - value for value in named[one]]) for one in named if one.negated_by_flip}
    gate, in_, act = (named[one] for one in (Quantity.GATE, Quantity.IN, Quantity.ACT))
    return Sample(gate, in_, act, tuple([one * other + 0.0 for one, other in zip(act, in_, strict=True)]))


@lru_cache(1)
def split(sample: Sample) -> Mapping[Quadrant, Sample]:
    """The positions of a sample by quadrant, in the sample's order; those with a gate or in of 0 are in none.

    A page asks for them three times in a row.
    """
    places: dict[Quadrant, list[int]] = {quadrant: [] for quadrant in QUADRANTS}
    for place, (gate, in_) in enumerate(zip(sample.gate, sample.in_, strict=True)):
        if gate and in_:
            places[QUADRANTS[(0 if gate > 0 else 2) + (0 if in_ > 0 else 1)]].append(place)
    return {quadrant: sample.at(chosen) for quadrant, chosen in places.items()}


def quantile(ordered: Sequence[float], probability: float) -> float:
    """The value below which that share of the ordered values lies, linear between neighbours (Hyndman and Fan's
    type 7, as numpy's default)."""
    at = probability * (len(ordered) - 1)
    lower = int(at)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (at - lower)


def quantiles(sample: Sample) -> dict[Quadrant, Quantiles]:
    """The quantiles of every quantity in every quadrant."""
    return {quadrant: _quantiles(inside) for quadrant, inside in split(sample).items()}


def _quantiles(inside: Sample) -> Quantiles:
    if len(inside) < LEAST:
        return Quantiles(len(inside), None)
    ordered = {quantity.value: sorted(inside[quantity]) for quantity in QUANTITIES}
    values = {name: tuple(quantile(numbers, p) for p in PROBABILITIES) for name, numbers in ordered.items()}
    return Quantiles(len(inside), values)


class Magnitudes:
    """The sampled magnitudes of a neuron in order, to find the place of a value among them."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._inside = split(sample)
        self._ordered: dict[tuple[Quadrant | None, str], list[float]] = {}

    def place(self, quadrant: Quadrant, quantity: str, value: float) -> Place | None:
        """The place of |value| among the magnitudes of that quantity: among the whole sample if it is larger than all
        of them, else among those sampled in the quadrant. None if fewer than LEAST were."""
        whole = _place(self._magnitudes(None, quantity), abs(value))
        if whole is not None and whole.beyond:
            return whole
        return _place(self._magnitudes(quadrant, quantity), abs(value))

    def _magnitudes(self, quadrant: Quadrant | None, quantity: str) -> list[float]:
        key = (quadrant, quantity)
        if key not in self._ordered:
            chosen = self._sample if quadrant is None else self._inside[quadrant]
            self._ordered[key] = sorted(map(abs, chosen[quantity]))
        return self._ordered[key]


def _place(ordered: list[float], magnitude: float) -> Place | None:
    n = len(ordered)
    if n < LEAST:
        return None
    smaller = bisect_left(ordered, magnitude * (1 - SAME))
    not_larger = bisect_right(ordered, magnitude * (1 + SAME))
    return Place(50.0 * (smaller + not_larger) / n, n, smaller == n)
