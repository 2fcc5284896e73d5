"""When the explorer reads: the rules against a clock that the test moves."""

from __future__ import annotations

from typing import Any, cast

import pytest
from textual.widget import Widget

from gluscope_tui.tui.reading import loader as module
from gluscope_tui.tui.reading.loader import Loader
from gluscope_tui.tui.reading.opening import Opened
from gluscope_tui.tui.reading.thread import ReadingThread
from gluscope_tui.tui.session.view import Wanted
from indexer.addresses import parse_neuron
from indexer.database.records import NeuronRecord


class Node:
    """Records the groups of started workers; runs none."""

    def __init__(self) -> None:
        self.started: list[tuple[str, tuple[Any, ...]]] = []
        self.workers = self

    def run_worker(self, work: Any, *, group: str, exclusive: bool) -> None:
        assert exclusive == (group != "read")
        self.started.append((group, work.args))

    def cancel_group(self, node: Any, group: str) -> None:
        assert node is self
        self.started.append((f"cancel {group}", ()))

    def last(self, group: str) -> tuple[Any, ...] | None:
        return next((args for name, args in reversed(self.started) if name == group), None)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def wanted(number: int) -> Wanted:
    return Wanted(parse_neuron(f"L1N{number}"), "aligned", "post")


RECORD = cast(NeuronRecord, object())  # only passed on


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def make() -> tuple[Loader, Node]:
    node = Node()
    return Loader(cast(Widget, node), cast(ReadingThread[Opened], None)), node


@pytest.mark.usefixtures("clock")
def test_the_first_key_after_a_pause_does_not_wait() -> None:
    loader, node = make()
    assert loader.want(wanted(1)) is None
    assert node.last("pause") == (0.0,)


def test_quick_keys_wait_at_most_a_quarter_of_a_second(clock: Clock) -> None:
    loader, node = make()
    loader.was_shown()
    waits = []
    shown = clock.now
    longest = 0.0
    for number in range(60):  # a key that repeats 30 times a second
        clock.now += 0.033
        loader.want(wanted(number))
        (pause,) = node.last("pause") or (None,)
        waits.append(pause)
        if pause == 0.0:
            longest = max(longest, clock.now - shown)
            shown = clock.now
            loader.was_shown()
    assert waits.count(module.PAUSE) > waits.count(0.0) > 0
    assert longest < 0.25


def test_a_cached_neuron_is_shown_at_once_unless_keys_come_quickly(clock: Clock) -> None:
    loader, _ = make()
    loader.arrived(wanted(1), RECORD, ahead=True)
    assert loader.want(wanted(1)) is RECORD
    loader.was_shown()
    clock.now += 0.03
    assert loader.want(wanted(1)) is None
    assert loader.due() is RECORD


@pytest.mark.usefixtures("clock")
def test_at_most_one_read_is_in_progress() -> None:
    loader, node = make()
    for number in range(5):
        loader.want(wanted(number))
        loader.due()
    assert [args for group, args in node.started if group == "read"] == [(wanted(0),)]
    loader.arrived(wanted(0), RECORD, ahead=False)
    assert loader.due() is None
    assert node.last("read") == (wanted(4),)


@pytest.mark.usefixtures("clock")
def test_a_wish_stops_reading_ahead_and_a_cached_neuron_is_not_read_again() -> None:
    loader, node = make()
    loader.arrived(wanted(1), RECORD, ahead=True)
    loader.read_ahead([wanted(1), wanted(2)])
    assert node.last("ahead") == ([wanted(2)],)
    loader.want(wanted(3))
    assert node.last("cancel ahead") is not None


def test_a_question_cancelled_before_its_turn_is_never_asked() -> None:
    import threading

    go, asked = threading.Event(), []
    reading = ReadingThread(lambda: go.wait(10))
    first = reading.ask(lambda _: asked.append(1))
    second = reading.ask(lambda _: asked.append(2))
    first.cancel()
    go.set()
    second.result(timeout=10)
    reading.stop()
    assert asked == [2]
