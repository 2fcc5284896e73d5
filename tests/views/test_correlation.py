"""Coefficients against their definitions, written out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.views.correlation import pearson, ranks, spearman

values = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))
points = st.lists(st.tuples(values, values), min_size=2, max_size=30)


def _slow_pearson(xs: list[float], ys: list[float]) -> float | None:
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    together = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    spread_x = math.sqrt(math.fsum((x - mean_x) ** 2 for x in xs))
    spread_y = math.sqrt(math.fsum((y - mean_y) ** 2 for y in ys))
    return together / (spread_x * spread_y) if len(set(xs)) > 1 and len(set(ys)) > 1 else None


def _slow_rank(value: float, among: list[float]) -> float:
    """Half a place for each equal value but itself, one for each smaller one."""
    smaller = sum(other < value for other in among)
    equal = sum(other == value for other in among)
    return smaller + (equal + 1) / 2


@given(points)
def test_pearson_is_the_cosine_of_what_differs_from_the_means(pairs: list[tuple[float, float]]) -> None:
    xs, ys = map(list, zip(*pairs, strict=True))
    found, expected = pearson(xs, ys), _slow_pearson(xs, ys)
    if expected is None:
        assert found is None or abs(found) <= 1  # a mean that isn't exact may leave a trace
    else:
        assert found == pytest.approx(expected, abs=1e-9)


@given(points)
def test_spearman_is_pearson_of_ranks_that_equal_values_share(pairs: list[tuple[float, float]]) -> None:
    xs, ys = map(list, zip(*pairs, strict=True))
    rank_x, rank_y = ([_slow_rank(value, among) for value in among] for among in (xs, ys))
    assert ranks(xs) == rank_x
    expected = _slow_pearson(rank_x, rank_y)
    found = spearman(xs, ys)
    assert found is None if expected is None else found == pytest.approx(expected, abs=1e-9)


def test_known_coefficients() -> None:
    xs = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert pearson(xs, [2.0, 4.0, 6.0, 8.0, 10.0]) == 1.0
    assert pearson(xs, [5.0, 4.0, 3.0, 2.0, 1.0]) == -1.0
    assert spearman(xs, [1.0, 8.0, 27.0, 64.0, 125.0]) == 1.0
    # Anscombe's first set: published as 0.816
    anscombe_x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    anscombe_y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    found = pearson(list(map(float, anscombe_x)), anscombe_y)
    assert found is not None
    assert round(found, 3) == 0.816


def test_what_never_changes_has_no_coefficient() -> None:
    assert pearson([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert spearman([1.0], [2.0]) is None
    assert pearson([], []) is None


def test_tiny_and_huge_values_neither_vanish_nor_overflow() -> None:
    assert pearson([1e-200, 2e-200, 3e-200], [1e200, 2e200, 3e200]) == pytest.approx(1.0)
