"""Ends the explorer on signals: restores the terminal, keeps the position, leaves no process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

GRACE_SECONDS = 1.5
"""Seconds that a clean end may take: a terminal that has gone away can block every write."""


def leave_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave` with the exit code (128 + number) on SIGTERM and SIGHUP; end the process anyway soon after."""

    def handle(number: int, _: FrameType | None) -> None:
        watchdog = threading.Timer(GRACE_SECONDS, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        leave(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
