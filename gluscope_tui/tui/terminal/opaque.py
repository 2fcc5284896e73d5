"""What screens are to Textual: none shows through another, and a closed one is forgotten.

With crash.py the only module that touches private parts of Textual (8.2).
"""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.screen import Screen
from textual.widget import Widget


def forget_painted(widget: Widget) -> None:
    """Free the rows that were painted for a widget that was closed.

    Textual keeps the painters of the last 1,024 widgets alive (an lru_cache on one of their methods), and each all the
    rows it has painted.
    """
    widget._styles_cache.clear()


class OpaqueApp(App[None], inherit_bindings=False):
    """An app whose screens each fill the terminal. What has changed under one is drawn when that closes.

    Else Textual would paint all of the screen above for any change below it.
    """

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        return []
