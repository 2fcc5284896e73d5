"""Means over positions with a 95 % interval over sequences: positions of a sequence are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .result import Interval

DRAWS = 1000
_SHARE = (2.5, 97.5)  # percent


def interval(sums: Sequence[float], counts: Sequence[int], seed: int = 0) -> Interval | None:
    """The mean of what was summed and counted sequence by sequence, and its bootstrap interval over sequences.

    A draw takes as many sequences as there are, with replacement, and divides their sums by their counts; draws without
    a count are left out. None without any count; no interval if fewer than two sequences have counts.
    """
    total, number = np.asarray(sums, np.float64), np.asarray(counts, np.int64)  # sequence
    if not number.sum():
        return None
    mean = float(total.sum() / number.sum())
    if (number > 0).sum() < 2:
        return Interval(mean, None, None)
    drawn = np.random.default_rng(seed).integers(len(total), size=(DRAWS, len(total)))  # draw sequence
    tops, bottoms = total[drawn].sum(1), number[drawn].sum(1)
    low, high = np.percentile(tops[bottoms > 0] / bottoms[bottoms > 0], _SHARE)
    return Interval(mean, float(low), float(high))
