"""Stopping a run between two batches when it is asked to, and saying what a stopped run left."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .folder import run_folder

STOPPING = "stopping after this batch, with a checkpoint; Ctrl-C again stops at once"
KEEPING = "keeping what was read; Ctrl-C again stops at once"


def what_is_left(db: Path) -> str:
    """A line on what an interrupted run of the index `db` has kept; for a run that didn't say so itself."""
    folder = run_folder(db)
    marks = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("**/checkpoint.json"))]
    if not marks:
        return f"stopped: {db} is as it was" if db.exists() else "stopped before anything was kept"
    tokens = sum(mark["covered"] for mark in marks)
    if all(mark["finished"] for mark in marks):
        return f"stopped: all {tokens:,} tokens are read and kept, the same command continues with the rest"
    return f"stopped: {tokens:,} tokens are kept in {folder}, the same command continues"


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
