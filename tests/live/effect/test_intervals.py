"""The interval of a mean is that of sequences drawn again, whole."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.live.effect.intervals import DRAWS, interval

SUMS = [1.0, -2.0, 30.0, 4.0, 0.0]
COUNTS = [2, 1, 10, 5, 0]


def test_the_interval_is_that_of_whole_sequences_drawn_again() -> None:
    found = interval(SUMS, COUNTS, seed=4)
    drawn = np.random.default_rng(4).integers(5, size=(DRAWS, 5)).tolist()
    means = []
    for draw in drawn:
        count = sum(COUNTS[place] for place in draw)
        if count:
            means.append(sum(SUMS[place] for place in draw) / count)
    assert len(means) < DRAWS or min(COUNTS) == 0
    assert found is not None
    assert found.mean == pytest.approx(33 / 18)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))))


def test_positions_of_one_sequence_are_not_independent() -> None:
    """Ten positions that agree within each of two sequences say less than ten sequences."""
    two = interval([10.0, -10.0], [10, 10])
    many = interval([1.0, -1.0] * 10, [1] * 20)
    assert two is not None
    assert many is not None
    assert two.low is not None
    assert many.low is not None
    assert two.low < many.low - 0.4


def test_without_positions_there_is_no_mean_and_one_sequence_gives_no_interval() -> None:
    assert interval([0.0, 0.0], [0, 0]) is None
    found = interval([3.0, 0.0], [2, 0])
    assert found is not None
    assert (found.mean, found.low, found.high) == (1.5, None, None)
