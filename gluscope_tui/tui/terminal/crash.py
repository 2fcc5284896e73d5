"""Handles a bug: a log without any text of the corpus, three lines for the user, a working terminal.

Only this module and opaque.py override private methods of Textual (8.2): there is no public way to catch an exception
before Textual prints its traceback with all local variables.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections import deque
from importlib.metadata import version
from pathlib import Path

from textual import events

from indexer import __version__

from ...kept.files import state_folder, write_new
from .opaque import OpaqueApp


class CrashingApp(OpaqueApp, inherit_bindings=False):
    """An app that keeps the exception that ended it and the names of the last actions."""

    def __init__(self) -> None:
        super().__init__(ansi_color=True)
        self.crash: Exception | None = None
        self.trail: deque[str] = deque(maxlen=40)
        self.leaving = False
        """Whether the app is ending: screens are being taken down, and what is still typed is for nobody."""

    async def on_event(self, event: events.Event) -> None:
        """Pass an event on, unless it is input that comes after the end was decided."""
        if self.leaving and isinstance(event, (events.InputEvent, events.Paste)):
            return
        await super().on_event(event)

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()


def write_log(error: BaseException, trail: list[str], size: tuple[int, int]) -> Path | None:
    """Write frames and lines of code, no values and no messages, to a log. Returns its path, or None if that fails."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=False)
    lines = [
        f"gluscope {__version__}, Python {platform.python_version()}, "
        f"textual {version('textual')}, rich {version('rich')}, {platform.platform()}",
        f"TERM={os.environ.get('TERM')} COLORTERM={os.environ.get('COLORTERM')} size={size[0]}x{size[1]} "
        f"tmux={'yes' if os.environ.get('TMUX') else 'no'} ssh={'yes' if os.environ.get('SSH_CONNECTION') else 'no'}",
        "",
        *(line.rstrip() for line in frames.format()),
        type(error).__name__,
        "",
        "last: " + " ".join(trail),
    ]
    try:
        return write_new(state_folder() / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.log", "\n".join(lines) + "\n")
    except OSError:
        return None


def report(error: BaseException, path: Path | None) -> None:
    """Print three lines on stderr."""
    where = path or "no log could be written"
    print(f"gluscope ended because of a bug: {type(error).__name__}", file=sys.stderr)
    print(f"the log (no text of your corpus is in it): {where}", file=sys.stderr)
    print("please send it with `gluscope doctor` to the project", file=sys.stderr)
