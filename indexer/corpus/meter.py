"""How much of the inputs has been given out as text, and what of it is not read as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .inputs import LeftOut


class Meter:
    """Counts the bytes of the disk whose text has been given out, to judge the rest by; tells of a pipe that is waited
    for.

    Text that waits in a buffer is not counted. Of a compressed file the share of its bytes counts that the text so far
    took.
    """

    def __init__(self, notice: Callable[[str], None] = lambda _: None) -> None:
        self.notice = notice
        self.changed = LeftOut()  # documents that are not read as they are
        self._passed = 0
        self._place: Callable[[], float] = _nowhere

    @property
    def bytes(self) -> int:
        """The count so far; only the thread that reads may ask."""
        return self._passed + round(self._place())

    @contextmanager
    def reading(self, size: int, place: Callable[[], float]) -> Iterator[None]:
        """Count an input of `size` bytes: `place()` of them so far within the `with`, all of them after it."""
        self._place = place
        try:
            yield
        finally:
            self._place = _nowhere
            self._passed += size

    def take_back(self, size: int) -> None:
        """Don't count an input, which turned out to hold no text."""
        self._passed -= size


def _nowhere() -> float:
    return 0.0
