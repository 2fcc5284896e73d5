"""Says what happens to a long command's work when it is interrupted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import typer

from indexer.errors import GluscopeError

from .output import tell

Said = TypeVar("Said")

INTERRUPTED = 130
"""The exit code after an interruption."""

_FOR_ONE = 2.0  # seconds in which several SIGHUPs are one


class _Interrupting:
    """A signal handler that interrupts, and remembers that it did. A second signal ends the process at once.

    Another exception could be raised at any instruction of what handles the first. A terminal that closes may send
    several SIGHUPs for one: they don't end what the first one has cleaned up.
    """

    def __init__(self) -> None:
        self.came = False
        self._at = 0.0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.came and number == signal.SIGHUP and now - self._at < _FOR_ONE:
            return
        if self.came:
            os._exit(INTERRUPTED)
        self.came, self._at = True, now
        raise KeyboardInterrupt


def interrupt_on_signals() -> None:
    """Have SIGTERM and SIGHUP interrupt as Ctrl-C does, so that nothing half made is left.

    SIGINT and SIGHUP stay ignored where they are, as in the background of a script and under nohup.
    """
    _handle(_Interrupting())


def _handle(handler: _Interrupting) -> dict[signal.Signals, object]:
    """Set the handler of the signals that ask to end; returns those of before."""
    asking = [signal.SIGTERM, *(one for one in (signal.SIGINT, signal.SIGHUP) if not _is_ignored(one))]
    return {number: signal.signal(number, handler) for number in asking}


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN


def is_interruption(error: Exception) -> bool:
    """Whether an error is due to a signal of `interrupt_on_signals` that a library swallowed, half imported.

    An error in plain words is one of its own, unless the words are those of a library.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not isinstance(handler, _Interrupting) or isinstance(error, (typer.Exit, typer.TyperException)):
        return False
    own = isinstance(error, GluscopeError) and isinstance(error.__cause__, (GluscopeError, OSError, type(None)))
    return handler.came and not own


@contextmanager
def insisting(report: Callable[[Said], None]) -> Iterator[Callable[[Said], None]]:
    """Within the context a signal interrupts as always. If a library swallows it, the next report raises it again.

    Compilers run Python in callbacks that swallow exceptions.
    """
    handler = _Interrupting()

    def heard(said: Said) -> None:
        if handler.came:
            raise KeyboardInterrupt
        report(said)

    before = _handle(handler)
    try:
        yield heard
    finally:
        for number, older in before.items():
            signal.signal(number, older)  # type: ignore[arg-type]  # what signal.signal gave
    if handler.came:
        raise KeyboardInterrupt


@contextmanager
def telling_what_is_left(left: Callable[[], str]) -> Iterator[None]:
    """If the block is interrupted, print one line: the interruption's own message, or else `left`.

    An interruption that a half-imported library swallowed surfaces later as another error, and is one all the same.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        tell(str(interrupt) or left())
        raise
    except Exception as error:
        if not is_interruption(error):
            raise
        tell(left())
        raise KeyboardInterrupt from error
