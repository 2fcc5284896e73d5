"""The terminal that a window of a browser is."""

from __future__ import annotations

import os
import sys

import pytest
from textual.app import App
from textual.message import Message

from gluscope_tui.tui.terminal.browser import BrowserDriver
from gluscope_tui.tui.terminal.window import WindowClosed


async def test_drawing_for_a_server_that_is_gone_closes_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    (reader, writer), (keys, server) = os.pipe(), os.pipe()
    os.close(reader)
    app: App[None] = App()
    with os.fdopen(writer, "w") as nowhere, os.fdopen(keys) as typed, os.fdopen(server, "w"):
        monkeypatch.setattr(sys, "__stdout__", nowhere)
        monkeypatch.setattr(sys, "__stdin__", typed)
        driver = BrowserDriver(app)
        sent: list[Message] = []
        monkeypatch.setattr(driver, "send_message", sent.append)
        driver.write("a screen")
        driver.write("the next")
    assert [type(message) for message in sent] == [WindowClosed]
