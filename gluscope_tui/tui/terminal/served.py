"""How the explorer knows that its terminal is a window of a browser."""

from __future__ import annotations

import os

DRIVER = "gluscope_tui.tui.terminal.browser:BrowserDriver"
"""The driver that Textual then uses, as its variable names it."""
VARIABLE = "TEXTUAL_DRIVER"


def in_browser() -> bool:
    """Whether `gluscope serve` started this explorer for a window of a browser."""
    return os.environ.get(VARIABLE) == DRIVER
