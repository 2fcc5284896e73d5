"""Stops a run between two batches on request, and says what an interrupted run has kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..errors import GluscopeError
from . import checkpoint_file
from .folder import rank_folders, run_folder

STOPPING = "stopping after this batch, with a checkpoint; Ctrl-C again stops at once"
KEEPING = "keeping what was read; Ctrl-C again stops at once"


def what_is_left(db: Path) -> str:
    """A line that says what an interrupted run of the index `db` has kept, for a run that didn't say so itself."""
    folder = run_folder(db)
    try:
        found = [checkpoint_file.read(one) for one in (folder, *rank_folders(folder))]
    except GluscopeError:
        return f"stopped; what is kept in {folder} can't be read"
    marks = [one.mark for one in found if one is not None]
    if not marks:
        return f"stopped; {db} is unchanged" if db.exists() else "stopped; nothing was kept"
    tokens = sum(mark.covered for mark in marks)
    if all(mark.finished for mark in marks):
        return f"stopped; all {tokens:,} tokens are read and kept. Run the same command to finish"
    return f"stopped; {tokens:,} tokens are kept in {folder}. Run the same command to continue"


class Stop:
    """Set by the first SIGINT, SIGTERM or SIGHUP; the second interrupts at once.

    A terminal that closes may send several SIGHUPs for one.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.asked = False
        self._tell = tell

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            if number == signal.SIGHUP:
                return
            raise KeyboardInterrupt
        self.asked = True
        # In a thread: the signal may have arrived in the middle of a write to the same stream.
        threading.Thread(target=self._tell, daemon=True).start()


@contextmanager
def stopping(tell: Callable[[], None]) -> Iterator[Stop]:
    """Within the context SIGINT, SIGTERM and SIGHUP only set `asked`, and `tell` is called at the first.

    SIGHUP stays ignored where nohup has it ignored. Outside the main thread nothing is changed.
    """
    stop = Stop(tell)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
