"""No screen shows through another: Textual is told so, or it paints all of the screen above for any change below it.

With crash.py the only module that overrides private methods of Textual (8.2).
"""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.screen import Screen


class OpaqueApp(App[None], inherit_bindings=False):
    """An app whose screens each fill the terminal. What has changed under one is drawn when that closes."""

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        return []
