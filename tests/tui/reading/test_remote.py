"""The explorer on an index on a server: as on a slow disk, and what goes wrong on the way is a notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gluscope_tui.tui.screens.home import HomeScreen
from indexer.database.remote import requests
from indexer.quadrants import Quadrant
from tests.support.range_server import RangeServer, serving
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, settled, state_of


@pytest.fixture
def server(hostile_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GLUSCOPE_CACHE_LIMIT", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(requests, "_FIRST_PAUSE", 0.01)
    file = tmp_path / "copy.db"
    file.write_bytes(hostile_index.read_bytes())
    with serving(file) as server:
        yield server


@pytest.mark.slow
async def test_old_contexts_stay_and_are_marked_until_the_new_ones_come(
    explorer_app: AppMaker, server: RangeServer
) -> None:
    app = explorer_app("L0N5", path=server.url("data/copy.db?sig=secret"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "copy.db" in header_text(app)
        assert "secret" not in header_text(app)
        before = pane_text(app)
        server.behaviour.delay = 0.4
        began = time.monotonic()
        await pilot.press(*"gL3N30", "enter")
        await asyncio.sleep(0.1)
        assert (here(app), str(state_of(app).shown.neuron)) == ("L3N30", "L0N5")
        assert state_of(app).stale
        assert "L3N30…" in header_text(app)
        assert pane_text(app) == before
        await pilot.press("question_mark", "escape", "r")  # keys go on meanwhile
        assert time.monotonic() - began < 2.0
        await settled(pilot)
        assert not state_of(app).stale
        assert "L3N30…" not in header_text(app)
        assert pane_text(app, Quadrant.PP) != before


@pytest.mark.slow
async def test_neighbours_are_fetched_ahead(explorer_app: AppMaker, server: RangeServer) -> None:
    app = explorer_app("L1N5", path=server.url())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await asyncio.sleep(0.2)
        await settled(pilot)
        server.behaviour.delay = 5.0
        for key, neuron in (("j", "L1N6"), ("k", "L1N5"), ("l", "L2N5")):
            await pilot.press(key)
            await pilot.pause(0.15)
            assert (here(app), state_of(app).stale) == (neuron, False)
        server.behaviour.delay = 0.0


@pytest.mark.slow
async def test_an_error_of_the_server_is_a_notice_and_the_next_key_asks_again(
    explorer_app: AppMaker, server: RangeServer
) -> None:
    app = explorer_app("L0N5", path=server.url())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        server.behaviour.failures = [(404, {})] * 50
        await press(pilot, *"gL3N30", "enter")
        session = home_of(app).session
        assert session.notice_is_bad
        assert "has no such file (404)" in session.notice
        assert state_of(app).stale
        server.behaviour.failures = []
        await press(pilot, "j")
        assert (here(app), state_of(app).stale) == ("L3N31", False)


@pytest.mark.slow
async def test_a_file_that_changes_on_the_server_is_told_and_can_be_reopened(
    explorer_app: AppMaker, server: RangeServer
) -> None:
    app = explorer_app("L0N5", path=server.url())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        server.behaviour.etag = '"two"'
        await press(pilot, *"gL3N30", "enter")
        assert "overwritten since it was opened: ctrl+r reopens it" in home_of(app).session.notice
        await press(pilot, "ctrl+r")
        assert isinstance(app.screen, HomeScreen)
        await press(pilot, "j")
        assert (here(app), state_of(app).stale) == ("L3N31", False)
