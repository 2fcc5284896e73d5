"""Starts the explorer: the index opens in its thread while Textual is imported."""

from __future__ import annotations

import os
import sys
from concurrent.futures import wait
from dataclasses import dataclass

from indexer.errors import GluscopeError

from ..colour.depth import Depth, detect
from ..colour.themes import THEMES
from ..kept.theme import ThemeFile
from ..text.encoding import writes_unicode
from .reading.opening import Request, read_index
from .terminal.served import in_browser

SOON = 0.3
"""Seconds to wait for the index to open before the explorer takes over the screen."""
_TEXTUAL_NAMES = {Depth.TRUE: "truecolor", Depth.ANSI256: "256"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """The options about the terminal."""

    color: str = "auto"
    theme: str = ""  # the last one if none is named
    ascii_only: bool = False
    mouse: bool = True


def launch(request: Request, terminal: Terminal) -> int:
    """Run the explorer and return its exit code.

    Raises GluscopeError if the index or the terminal is unusable, or if there is no such theme.
    """
    if terminal.theme and terminal.theme not in THEMES:
        raise GluscopeError(f"there is no theme {terminal.theme!a}", f"use {', '.join(THEMES)}")
    reading = read_index(request)
    depth = depth_of(terminal)
    _prepare_textual(depth)
    from .app import ExplorerApp
    from .terminal.signals import leave_on_signals
    from .terminal.typed_bytes import decode_as_typed

    if wait([reading.opened], timeout=SOON).done:  # a slow disk: the screen will say so
        reading.opened.result()
    if terminal.theme:
        ThemeFile().write(terminal.theme)  # a failure is told when the position can't be kept either
    ascii_only = terminal.ascii_only or not writes_unicode(sys.__stderr__)
    app = ExplorerApp(reading, depth, theme=terminal.theme, ascii_only=ascii_only)
    leave_on_signals(app.leave_soon)
    decode_as_typed()
    app.run(mouse=terminal.mouse)
    app.reading.stop()
    return app.ended()


def depth_of(terminal: Terminal) -> Depth:
    """The colour depth to use. Raises GluscopeError if the terminal can't show a screen at all."""
    on_terminal = sys.__stdin__ and sys.__stdin__.isatty() and sys.__stderr__ and sys.__stderr__.isatty()
    if not on_terminal and not in_browser():
        raise GluscopeError("the explorer needs a terminal", "in pipes and scripts use gluscope show")
    chosen = None if terminal.color == "auto" else terminal.color
    depth = detect(chosen, environment=os.environ).depth
    if depth is Depth.PLAIN:
        term = os.environ.get("TERM") or "not set"
        raise GluscopeError(
            f"this terminal (TERM {term}) can't show a screen", "use gluscope show, or set TERM to what it really is"
        )
    return depth


def _prepare_textual(depth: Depth) -> None:
    """Set and remove the variables that Textual reads when it is imported.

    The explorer handles NO_COLOR itself; Textual would repaint what is already plain. COLUMNS and LINES would
    override the terminal's real size: a resize doesn't change them, and an exported or inherited value may be that of
    another terminal. In a browser they are the window's size at the start.
    """
    os.environ["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES.get(depth, "standard")
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for name in ("NO_COLOR",) if in_browser() else ("NO_COLOR", "COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_FPS", "30")
