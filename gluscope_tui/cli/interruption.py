"""Says what happens to a long command's work when it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from .output import tell

Said = TypeVar("Said")


@contextmanager
def insisting(report: Callable[[Said], None]) -> Iterator[Callable[[Said], None]]:
    """Within the context Ctrl-C interrupts as always. If a library swallows it, the next report raises it again.

    Compilers run Python in callbacks that swallow exceptions.
    """
    asked = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def heard(said: Said) -> None:
        if asked:
            raise KeyboardInterrupt
        report(said)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


@contextmanager
def telling_what_is_left(left: Callable[[], str]) -> Iterator[None]:
    """If the block is interrupted, print one line: the interruption's own message, or else `left`."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        tell(str(interrupt) or left())
        raise
