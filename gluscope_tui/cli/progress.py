"""Reports progress on stderr: one line that is rewritten on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from indexer.progress import Progress

from ..text.cells import cell_len, fit
from ..text.clean import clean
from ..views.numbers import full_count, short_count
from .output import narrate
from .printing import terminal_width

_ON_TERMINAL = 0.2  # seconds between two lines
_ELSEWHERE = 20.0
_EXACT_UNDER = 10**6
_WIDE = 1000
"""Cells of a line elsewhere: there is room."""


@contextmanager
def narrator(stream: TextIO | None = None) -> Iterator[Callable[[Progress], None]]:
    """A function that prints reports within the `with`; afterwards the cursor is on a fresh line."""
    voice = _Narrator(stream)
    try:
        yield voice.report
    finally:
        voice.end_line()


def fetching(progress: Progress) -> None:
    """Report what is fetched from a server; the end of each fetch ends the line."""
    _FETCHING.report(progress)
    if progress.total is not None and progress.done >= progress.total:
        _FETCHING.end_line()


def line(progress: Progress, width: int = _WIDE) -> str:
    """A report as text: `indexing 14,000 of 113,000 tokens, 1.20k/s, 1:23 left`, with `14.0k of 113k` in less room."""
    exact = _told(progress, full_count)
    small = max(progress.done, progress.total or 0) < _EXACT_UNDER
    return exact if small and cell_len(exact) <= width else _told(progress, short_count)


def _told(progress: Progress, count: Callable[[int], str]) -> str:
    words = [clean(progress.message or progress.phase)]
    if progress.done or progress.total:
        about = "≈" if progress.estimated else ""
        words.append(count(progress.done) + (f" of {about}{count(progress.total)}" if progress.total else ""))
    rate = [f"{short_count(round(progress.rate))}/s"] if progress.rate and progress.rate >= 0.5 else []
    left = [] if progress.seconds_left is None else [f"{duration(progress.seconds_left)} left"]
    return ", ".join([" ".join(words), *rate, *left])


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: 0:07, 12:34, 3h05."""
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}"


class _Narrator:
    def __init__(self, stream: TextIO | None) -> None:
        """`stream`: None: stderr as it is at each report."""
        self._given = stream
        self._last: tuple[float, str] | None = None
        self._open_line = False
        self._latest: Progress | None = None  # of the open line, not shown yet

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self._given is None else self._given

    @property
    def _terminal(self) -> bool:
        return self._stream.isatty()

    def report(self, progress: Progress) -> None:
        if progress.phase == "notice":
            self.end_line()
            narrate(f"{clean(progress.message)}\n", self._stream)
            return
        now = time.monotonic()
        pause = _ON_TERMINAL if self._terminal else _ELSEWHERE
        if self._last is not None and self._last[1] == progress.phase and now - self._last[0] < pause:
            self._latest = progress
            return
        self._last = (now, progress.phase)
        self._latest = None
        if self._terminal:
            self._rewrite(progress)
        else:
            narrate(f"{line(progress)}\n", self._stream)

    def end_line(self) -> None:
        if self._open_line:
            if self._latest is not None:
                self._rewrite(self._latest)
            narrate("\n", self._stream)
        self._open_line = False
        self._latest = None

    def _rewrite(self, progress: Progress) -> None:
        width = terminal_width() - 1
        narrate(f"\r{fit(line(progress, width), width)}", self._stream)
        self._open_line = True


_FETCHING = _Narrator(None)
