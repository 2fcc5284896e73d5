"""The terminal that a window of a browser is. Textual imports it by its name: see `served.DRIVER`."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import Any

from textual.drivers.web_driver import WebDriver

from .window import WindowClosed


class BrowserDriver(WebDriver):
    """Textual's web driver, which would let the explorer run on when its server dies, and end it without its state."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._cut = False  # whether nobody reads what is drawn
        self._write = partial(self._draw)

    def _draw(self, data: bytes) -> int:
        """Write to the server. Once it is gone, what is drawn goes nowhere, and the window is at its end."""
        try:
            return len(data) if self._cut else os.write(self.fileno, data)
        except BrokenPipeError:
            self._cut = True
            self._close()
            return len(data)

    def start_application_mode(self) -> None:
        """Begin to draw. A signal is the window's end, too."""
        super().start_application_mode()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._close)

    def _close(self) -> None:
        self.send_message(WindowClosed())

    def run_input_thread(self) -> None:
        """Read what the server sends. Its end is the window's end, unless the explorer ended first."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._close()

    def on_meta(self, packet_type: str, payload: dict[str, Any]) -> None:
        """Take what the server says beside keys."""
        if packet_type == "quit":
            self._close()
        else:
            super().on_meta(packet_type, payload)
