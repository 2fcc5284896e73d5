"""The joint density of gate and in over a neuron's sample: counts in bins on asinh axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from indexer.database.records import Sample


@dataclass(frozen=True, slots=True)
class Axis:
    """An asinh axis, symmetric around 0: `half` bins for positive values, as many for negative ones."""

    linear: float  # up to this magnitude it is about linear, beyond about logarithmic
    end: float  # the largest magnitude
    half: int

    def bin(self, value: float) -> int:
        """The bin of a value other than 0: number 0 holds the largest positive ones, the last the most negative."""
        return self.bins((value,))[0]

    def bins(self, values: Sequence[float]) -> list[int]:
        """The bin of each value."""
        linear, half, asinh = self.linear, self.half, math.asinh
        whole, most = asinh(self.end / linear), half - 1
        found = []
        for value in values:
            away = min(int(asinh(abs(value) / linear) / whole * half), most)
            found.append(most - away if value > 0 else half + away)
        return found


@dataclass(frozen=True, slots=True)
class Density:
    """How many sampled positions fell into each bin: `counts` is row (gate, + first) column (in, + first)."""

    gate: Axis
    in_: Axis
    counts: tuple[tuple[int, ...], ...]
    largest: int  # of the counts

    def of_gate(self) -> list[int]:
        return [sum(row) for row in self.counts]

    def of_in(self) -> list[int]:
        return [sum(column) for column in zip(*self.counts, strict=True)]


def density(sample: Sample, rows: int, columns: int) -> Density | None:
    """The sample in `rows` bins of gate and `columns` bins of in on each side of 0.

    A position whose gate or in is 0 is in no bin. Returns None if no position lies in a quadrant.
    """
    pairs = [(gate, in_) for gate, in_ in zip(sample.gate, sample.in_, strict=True) if gate and in_]
    if not pairs:
        return None
    gate, in_ = _axis([pair[0] for pair in pairs], rows), _axis([pair[1] for pair in pairs], columns)
    counts = [[0] * (2 * columns) for _ in range(2 * rows)]
    for row, column in zip(gate.bins([one for one, _ in pairs]), in_.bins([one for _, one in pairs]), strict=True):
        counts[row][column] += 1
    return Density(gate, in_, tuple(map(tuple, counts)), max(map(max, counts)))


def _axis(values: Sequence[float], half: int) -> Axis:
    magnitudes = [abs(value) for value in values]
    return Axis(median(magnitudes), max(magnitudes), half)


def enlarged(found: Density, times: int) -> Density:
    """The density with each bin drawn as `times` x `times` pixels."""
    wide = [tuple(count for count in line for _ in range(times)) for line in found.counts]
    gate, in_ = (replace(axis, half=axis.half * times) for axis in (found.gate, found.in_))
    return Density(gate, in_, tuple(line for line in wide for _ in range(times)), found.largest)
