"""Makes screens opaque to Textual: none shows through another, and a closed one is freed.

Only this module and crash.py touch private parts of Textual (8.2).
"""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.screen import Screen
from textual.widget import Widget


def forget_painted(widget: Widget) -> None:
    """Free the rows that were painted for a widget that was closed.

    Textual keeps the painters of the last 1,024 widgets alive (an lru_cache on one of their methods), and each painter
    keeps all the rows it has painted.
    """
    widget._styles_cache.clear()


class OpaqueApp(App[None], inherit_bindings=False):
    """An app whose screens each fill the terminal. Changes under a screen are drawn when it closes.

    Otherwise Textual would repaint the whole screen above for any change below it.
    """

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        return []
