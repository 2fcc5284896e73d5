"""An interruption takes effect even if a library swallowed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from gluscope_tui.cli.interruption import insisting


@pytest.fixture(autouse=True)
def signals_of_a_foreground() -> Iterator[None]:
    """In the background of a script SIGINT is ignored, and under nohup SIGHUP."""
    wanted: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def swallow_an_interruption(number: int = signal.SIGINT) -> None:
    """Like a compiler's callback, which lets no exception out."""
    with suppress(KeyboardInterrupt):
        os.kill(os.getpid(), number)


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_that_was_swallowed_last_is_raised_at_the_end(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), insisting(print):
        swallow_an_interruption(number)


def test_what_a_terminal_sends_twice_interrupts_once_and_ctrl_c_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    def ended(code: int) -> None:
        reached.append(f"ended with {code}")
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "_exit", ended)

    def work() -> None:
        with insisting(print):
            swallow_an_interruption(signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
            reached.append("the second hang-up was not heard")
            with suppress(KeyboardInterrupt):
                interrupt()

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the second hang-up was not heard", "ended with 130"]


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


HALF_IMPORTED = """
import os, signal, sys
from contextlib import nullcontext, suppress
from indexer.disk import DiskFull
from indexer.library_errors import told
from gluscope_tui.cli import app, index
from gluscope_tui.cli.interruption import telling_what_is_left

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

def command(model: str, dataset: bool = False, config: bool = False, long: bool = False) -> None:
    "Fail after an interruption that nobody saw."
    if long:
        with telling_what_is_left(lambda: "stopped; nothing was kept"):
            os.kill(os.getpid(), getattr(signal, model))
            sys.exit("nothing interrupted it")
    if model != "none":
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), getattr(signal, model))
    with telling_what_is_left(lambda: "stopped; nothing was kept"):
        if config:
            raise DiskFull("a.db")
        with told("the model can't be loaded", "use another") if dataset else nullcontext():
            raise AttributeError("module 'numpy' has no attribute 'minimum'")

index.command = command
app.main()
"""


def after_an_interruption(number: str, *options: str) -> tuple[int, str]:
    """The exit code and what stderr says."""
    command = [sys.executable, "-c", HALF_IMPORTED, "index", number, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["SIGINT"], ["SIGTERM"], ["SIGHUP"], ["SIGINT", "--dataset"], ["SIGHUP", "--long"]])
def test_an_interruption_is_one_even_where_a_library_swallowed_it(words: list[str]) -> None:
    assert after_an_interruption(*words) == (130, "stopped; nothing was kept\n")


def test_other_errors_stay_what_they_are() -> None:
    code, said = after_an_interruption("none")
    assert (code, "no attribute 'minimum'" in said, "stopped" in said) == (1, True, False)
    code, said = after_an_interruption("none", "--dataset")
    assert (code, said.splitlines()[1]) == (2, "use another")
    code, said = after_an_interruption("SIGINT", "--config")
    assert (code, "the disk is full" in said) == (2, True)
