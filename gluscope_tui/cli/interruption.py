"""Tells what becomes of a long command's work when it is interrupted."""

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
    """Within the context Ctrl-C interrupts as always, and if a library swallowed that, the next report does.

    Compilers run Python in callbacks that no exception leaves.
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
    """Where the `with` is interrupted, tell a line: what the interruption says itself, or else `left`."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        tell(str(interrupt) or left())
        raise
