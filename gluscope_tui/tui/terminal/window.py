"""What a window of a browser is for the explorer: it can close, and it takes files."""

from __future__ import annotations

import io

from textual.app import App
from textual.message import Message


class WindowClosed(Message):
    """The window is gone: the explorer keeps its position and ends."""


def hand_over(app: App[None], name: str, data: bytes) -> str:
    """Give a file to the browser, which keeps it where its user keeps downloads. Returns what was done."""
    kind = "text/html" if name.endswith(".html") else "image/svg+xml"
    app.deliver_binary(io.BytesIO(data), save_filename=name, mime_type=kind)
    return f"{name} goes to the browser's downloads"
