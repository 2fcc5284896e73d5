"""Tells what becomes of a long command's work when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .output import tell


@contextmanager
def telling_what_is_left(left: Callable[[], str]) -> Iterator[None]:
    """Where the `with` is interrupted, tell a line: what the interruption says itself, or else `left`."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        tell(str(interrupt) or left())
        raise
