"""An interruption takes effect even if a library swallowed it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from gluscope_tui.cli.interruption import insisting


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def swallow_an_interruption() -> None:
    """Like a compiler's callback, which lets no exception out."""
    with suppress(KeyboardInterrupt):
        interrupt()


def test_an_interruption_that_was_swallowed_is_raised_by_the_next_report() -> None:
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)

    def work() -> None:
        with insisting(said.append) as report:
            report("one")
            swallow_an_interruption()
            report("two")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert said == ["one"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_that_was_swallowed_last_is_raised_at_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), insisting(print):
        swallow_an_interruption()


def test_an_interruption_interrupts_at_once() -> None:
    reached: list[str] = []

    def work() -> None:
        with insisting(reached.append) as report:
            interrupt()
            report("after it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not reached
    with insisting(reached.append) as report:
        report("no interruption")
    assert reached == ["no interruption"]
