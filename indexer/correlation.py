"""Pearson's and Spearman's coefficients of two columns, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt
from operator import mul


def pearson(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The linear correlation, from -1 to 1; None for fewer than two points, or where one of the two never changes."""
    count = len(xs)
    if count < 2:
        return None
    x = _centred(xs)
    y = _centred(ys)
    spread = sqrt(fsum(map(mul, x, x)) * fsum(map(mul, y, y)))
    if not spread:
        return None
    return max(-1.0, min(1.0, fsum(map(mul, x, y)) / spread))


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The correlation of the ranks, equal values sharing the mean of theirs; None as for `pearson`."""
    return pearson(ranks(xs), ranks(ys))


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equal values have the mean of the ranks that they fill."""
    ascending = sorted(values)
    last = dict(zip(ascending, range(1, len(ascending) + 1), strict=True))
    first = dict(zip(reversed(ascending), range(len(ascending), 0, -1), strict=True))
    shared = {value: (first[value] + rank) / 2 for value, rank in last.items()}
    return list(map(shared.__getitem__, values))


def _centred(values: Sequence[float]) -> list[float]:
    """The values less their mean, scaled so that the largest magnitude is 1: no square overflows or vanishes."""
    mean = fsum(values) / len(values)
    centred = [value - mean for value in values]
    largest = max(max(centred), -min(centred))
    return [value / largest for value in centred] if largest else centred
