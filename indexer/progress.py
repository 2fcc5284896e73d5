"""The reports of a run while it is under way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report: the phase ("loading", "indexing", "writing"), and how far it is."""

    phase: str
    done: int = 0  # tokens through the model, or neurons written
    total: int | None = None  # None: not known yet
    rate: float | None = None  # of the last minute, a second
    message: str = ""  # the phase in words, or a notice if the phase is "notice"
    estimated: bool = False  # the total is judged by a part

    @property
    def seconds_left(self) -> float | None:
        """None if the total or the rate isn't known."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


Report = Callable[[Progress], None]


class Meter:
    """Turns counts into reports with the rate of the last minute."""

    def __init__(self, report: Report, phase: str) -> None:
        self._report = report
        self._phase = phase
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def begin(self, done: int) -> None:
        """From here on it is measured; so much was done before."""
        self._seen = deque([(time.monotonic(), done)])

    def update(self, done: int, total: int | None, message: str = "", *, estimated: bool = False) -> None:
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > 60 and len(self._seen) > 2:
            self._seen.popleft()
        since, before = self._seen[0]
        rate = (done - before) / (now - since) if now > since else None
        self._report(Progress(self._phase, done, total, rate, message, estimated))
