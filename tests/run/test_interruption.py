"""The signals that stop a run between two batches, and those that stop it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from indexer.run.interruption import stopping


@contextmanager
def handled(number: int, handler: signal.Handlers) -> Iterator[None]:
    """A signal whose handler is another within the context."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_and_says_so(number: signal.Signals) -> None:
    told = threading.Event()
    with handled(signal.SIGHUP, signal.SIG_DFL), stopping(told.set) as stop:
        before = stop.asked
        signal.raise_signal(number)
        assert (before, stop.asked) == (False, True)
        assert told.wait(10)


def test_the_second_signal_interrupts_but_a_terminal_may_hang_up_several_times() -> None:
    with handled(signal.SIGHUP, signal.SIG_DFL), stopping(lambda: None) as stop:
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    with handled(signal.SIGHUP, signal.SIG_IGN), stopping(lambda: None) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.asked
