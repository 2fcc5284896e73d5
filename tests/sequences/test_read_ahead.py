"""Running ahead: in order, not too far, errors carried over, stopped when nobody wants more."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from indexer.sequences.read_ahead import Ahead


class Watched:
    """Numbers without end, and what became of them."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[int]:
        try:
            while True:
                self.made += 1
                yield self.made
        finally:
            self.closed.set()


def test_items_come_in_order_and_all() -> None:
    assert list(Ahead(iter(range(1000)), 3)) == list(range(1000))


def test_it_is_made_by_another_thread() -> None:
    makers = list(Ahead((threading.get_ident() for _ in range(3)), 2))
    assert threading.get_ident() not in makers


def test_it_runs_at_most_depth_items_ahead() -> None:
    watched = Watched()
    ahead = Ahead(iter(watched), 5)
    for taken in range(1, 200):
        next(ahead)
        assert watched.made <= taken + 5 + 1  # one more is made while there is no room for it
    ahead.close()


def test_it_does_run_ahead() -> None:
    reached = threading.Event()

    def items() -> Iterator[int]:
        yield from range(4)
        reached.set()

    ahead = Ahead(items(), 4)
    assert reached.wait(10)
    assert list(ahead) == [0, 1, 2, 3]


def test_an_error_is_raised_after_the_items_before_it_and_once() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise KeyError("the cause")

    ahead = Ahead(items(), 10)
    assert [next(ahead), next(ahead), next(ahead)] == [0, 1, 2]
    with pytest.raises(KeyError, match="the cause"):
        next(ahead)
    assert list(ahead) == []


def test_closing_stops_the_thread_and_closes_the_items() -> None:
    watched = Watched()
    ahead = Ahead(iter(watched), 2)
    next(ahead)
    ahead.close()
    assert watched.closed.is_set()
    assert list(ahead) == []
    ahead.close()


@pytest.mark.slow
def test_dropping_it_stops_the_thread() -> None:
    watched = Watched()
    ahead = Ahead(iter(watched), 2)
    next(ahead)
    del ahead
    gc.collect()
    assert watched.closed.wait(10)


@pytest.mark.slow
def test_leaving_a_loop_by_an_error_stops_the_thread() -> None:
    watched = Watched()

    def consume() -> None:
        for item in Ahead(iter(watched), 2):
            if item == 3:
                raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        consume()
    gc.collect()
    assert watched.closed.wait(10)
