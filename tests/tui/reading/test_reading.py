"""Reading while keys are pressed: in time, rarely, and without blocking."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from textual import events

from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, settled, state_of, typed


@pytest.mark.slow
async def test_forty_quick_keys_end_on_the_right_neuron_with_few_reads(
    explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = Index.neuron

    def counted(self: Index, neuron: Any, **more: Any) -> NeuronRecord:
        read.append(str(neuron))
        return original(self, neuron, **more)

    app = explorer_app("L1N0")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(Index, "neuron", counted)
        for _ in range(39):
            app.post_message(events.Key("j", "j"))
        await settled(pilot)
        assert here(app) == "L1N39"
        assert not state_of(app).stale
        assert str(state_of(app).shown.neuron) == "L1N39"
        assert len(read) < 20


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that answers only when the event is set, once the explorer is open."""
    answering = threading.Event()
    answering.set()
    original = Index.neuron

    def slow(self: Index, *words: Any, **more: Any) -> NeuronRecord:
        answering.wait(30)
        return original(self, *words, **more)

    monkeypatch.setattr(Index, "neuron", slow)
    yield answering
    answering.set()


@pytest.mark.slow
async def test_a_slow_disk_never_stops_the_keys(explorer_app: AppMaker, slow_disk: threading.Event) -> None:
    app = explorer_app("L1N10")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = pane_text(app)
        slow_disk.clear()
        await pilot.press("g", *"33", "enter")
        await pilot.pause()
        assert here(app) == "L1N33"
        assert "L1N33…" in header_text(app)
        assert pane_text(app) == before
        await pilot.press("down", "z", "j")
        await pilot.pause()
        assert here(app) == "L1N34"
        assert state_of(app).view.zoomed
        await pilot.press("z")
        slow_disk.set()
        await settled(pilot)
        assert "L1N34 " in header_text(app)
        assert str(state_of(app).shown.neuron) == "L1N34"
        assert pane_text(app) != before


@pytest.mark.slow
async def test_a_read_that_fails_is_a_notice_and_the_old_contexts_stay(
    explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = explorer_app("L1N10")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = pane_text(app)

        def broken(self: Index, neuron: Any, **_: Any) -> NeuronRecord:
            raise self._connection.damaged(f"{neuron}: page 7")

        monkeypatch.setattr(Index, "neuron", broken)
        await typed(pilot, "g33\r")
        assert "damaged" in home_of(app).session.notice
        assert pane_text(app) == before
        monkeypatch.undo()
        await press(pilot, "j")
        assert not state_of(app).stale
