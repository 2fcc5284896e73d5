"""Signals that end the explorer: the terminal is put right, the position kept, and no process stays."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

GRACE_SECONDS = 1.5
"""How long a clean end may take; a terminal that has gone away can hold up every write to it."""


def leave_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave` with the exit code (128 + number) on SIGTERM and SIGHUP; end the process anyway soon after."""

    def handle(number: int, _: FrameType | None) -> None:
        watchdog = threading.Timer(GRACE_SECONDS, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        leave(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
