"""Stopping a run between two batches when it is asked to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = "stopping after this batch, with a checkpoint; Ctrl-C again stops at once"


class Stop:
    """Set by the first SIGINT or SIGTERM; the second interrupts at once."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.asked = False
        self._tell = tell

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # In a thread: the signal may have come in the middle of a write to the same stream.
        threading.Thread(target=self._tell, daemon=True).start()


@contextmanager
def stopping(tell: Callable[[], None]) -> Iterator[Stop]:
    """Within the context SIGINT and SIGTERM only set `asked`, and `tell` is called at the first.

    Outside the main thread nothing is changed.
    """
    stop = Stop(tell)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
