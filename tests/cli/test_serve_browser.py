"""`gluscope serve` in a real headless Chromium: keys, sizes, two windows, and nothing left of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM, Browser, browser
from tests.support.index_fixture import make_index
from tests.support.serving import Served, served, without_sequences

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are looked at elsewhere"),
]
LISTENING = """
window.drawn = ""; window.sent = [];
const decoder = new TextDecoder();
window.WebSocket = class extends WebSocket {
  constructor(address) {
    super(address);
    this.addEventListener("message", (e) => {
      if (typeof e.data !== "string") window.drawn += decoder.decode(e.data);
    });
  }
  send(data) { window.sent.push(data); super.send(data); }
};
"""
"""Keeps what a page sends and is sent: the terminal draws on a canvas, which has no text."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    make_index(folder / "tiny.db", layers=4, width=40, documents=120)
    with served(folder / "tiny.db", folder / "kept" / "state", "L2N3") as found:
        yield found


@pytest.fixture
def tab() -> Iterator[Browser]:
    with browser() as found:
        found.call("Page.addScriptToEvaluateOnNewDocument", source=LISTENING)
        yield found


def until(there: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 90
    while not there():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def shows(tab: Browser, text: str) -> None:
    """Wait until a text was drawn; what was drawn before is forgotten."""
    until(lambda: text in without_sequences(tab.evaluate("window.drawn")), text)
    tab.evaluate("window.drawn = ''")


def test_it_opens_takes_keys_and_sizes_without_a_request_to_elsewhere(tab: Browser, server: Served) -> None:
    tab.open(server.address + "/", size=(1000, 700))
    shows(tab, "? help")
    tab.press("j")  # without a click before
    shows(tab, "L2N4")
    columns = "JSON.parse(window.sent.filter(s => s.startsWith('[\"resize')).at(-1))[1].width"
    wide = tab.evaluate(columns)
    tab.call("Emulation.setDeviceMetricsOverride", width=600, height=700, deviceScaleFactor=1, mobile=False)
    until(lambda: tab.evaluate(columns) < wide, "a resize")
    assert tab.evaluate(columns) == pytest.approx(wide * 0.6, rel=0.1)
    shows(tab, "L2N4")
    tab.call("Emulation.setDeviceMetricsOverride", width=250, height=200, deviceScaleFactor=1, mobile=False)
    shows(tab, "gluscope needs")
    elsewhere = [one for one in tab.requests if not one.startswith((server.address, "data:"))]
    assert elsewhere == []
    assert [told for told in tab.complaints if "WebGL" not in told] == []  # this browser has no graphics card
    assert tab.evaluate("document.fonts.check('16px \"Roboto Mono\"')")
    tab.call("Page.navigate", url="about:blank")
    until(lambda: not server.explorers(), "the end of the explorer")


def test_two_windows_have_two_explorers_and_each_ends_with_its_own(tab: Browser, server: Served) -> None:
    tab.open(server.address + "/")
    shows(tab, "? help")
    with browser() as other:
        other.call("Page.addScriptToEvaluateOnNewDocument", source=LISTENING)
        other.open(server.address + "/")
        shows(other, "? help")
        assert len(server.explorers()) == 2
        other.press("k")
        shows(other, "L2N2")
        tab.press("j")
        shows(tab, "L2N4")
    until(lambda: len(server.explorers()) == 1, "the end of the closed window's explorer")
    tab.press("q")
    until(lambda: tab.evaluate("document.body.classList.contains('-closed')"), "the end")
    assert tab.evaluate("getComputedStyle(document.getElementById('ended')).display") == "block"
    until(lambda: not server.explorers(), "the end of the other one")
    tab.follow(lambda: tab.evaluate("document.getElementById('again').click()"))
    shows(tab, "? help")


def test_another_page_of_the_same_browser_opens_no_window(tab: Browser, server: Served, tmp_path: Path) -> None:
    (tmp_path / "evil.html").write_text("<p>a page")
    tab.open((tmp_path / "evil.html").as_uri())
    opened = tab.evaluate(
        f"new Promise(done => {{ const s = new WebSocket('ws://{server.host}/ws'); "
        "s.onopen = () => done(true); s.onerror = () => done(false); })"
    )
    assert opened is False
    tab.open((tmp_path / "evil.html").as_uri())
    framed = tab.evaluate(
        f"new Promise(done => {{ const f = document.createElement('iframe'); f.src = '{server.address}/'; "
        "f.onload = () => setTimeout(() => done(f.contentDocument === null && f.contentWindow.length), 300); "
        "document.body.append(f); })"
    )
    assert not framed
    assert not server.explorers()


def test_a_page_that_is_written_is_a_download(tab: Browser, server: Served, tmp_path: Path) -> None:
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=False)
    tab.open(server.address + "/")
    shows(tab, "? help")
    tab.press("X")
    shows(tab, "gives it to the browser")
    tab.press("Enter", 13)
    until(lambda: (tmp_path / "L2N3.html").exists() or (tmp_path / "L2N4.html").exists(), "the download")
    (file,) = tmp_path.glob("*.html")
    assert file.read_text("utf-8").rstrip().endswith("</html>")
