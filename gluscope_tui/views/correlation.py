"""Pearson's and Spearman's coefficients of two columns, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import fsum, sqrt
from operator import mul, ne


def pearson(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The linear correlation, from -1 to 1; None for fewer than two points, or if a column is constant."""
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
    """The correlation of the ranks; equal values share the mean of their ranks. None as for `pearson`."""
    return pearson(ranks(xs), ranks(ys))


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ascending = [values[place] for place in order]
    found: list[float] = [*range(1, len(values) + 1)]
    start = 0
    for end in _ends_of_runs(ascending):
        if end - start > 1:
            found[start:end] = [(start + 1 + end) / 2] * (end - start)
        start = end
    ranked = [0.0] * len(values)
    for place, rank in zip(order, found, strict=True):
        ranked[place] = rank
    return ranked


def _ends_of_runs(ascending: Sequence[float]) -> list[int]:
    """Where each run of equal values ends."""
    changes = map(ne, ascending, islice(ascending, 1, None))
    return [*(place for place, changed in enumerate(changes, 1) if changed), len(ascending)]


def _centred(values: Sequence[float]) -> list[float]:
    """The values less their mean, scaled so that the largest magnitude is 1: no square overflows or vanishes."""
    mean = fsum(values) / len(values)
    centred = [value - mean for value in values]
    largest = max(max(centred), -min(centred))
    return [value / largest for value in centred] if largest else centred
