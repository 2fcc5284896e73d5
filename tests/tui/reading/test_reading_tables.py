"""Reading for tables: the first rows come first, only visible rows are read, unneeded long questions are cancelled."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from gluscope_tui.tui.reading import table_loader as table_loader
from gluscope_tui.tui.reading.thread import ReadingThread
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.tables.pages import PAGE
from gluscope_tui.tui.widgets.table_title import TableTitle
from indexer.database.query.table import Table
from indexer.database.reader import Index
from tests.support.table_screens import foot, rows
from tests.support.walking import AppMaker, here, press, settled


def test_a_question_cancelled_before_its_turn_is_never_asked() -> None:
    go = threading.Event()
    asked: list[object] = []
    reading = ReadingThread(lambda: go.wait(10))
    first = reading.ask(lambda _: asked.append(1))
    second = reading.ask(lambda _: asked.append(2))
    reading.give_up(first, lambda _: asked.append("interrupted"))
    go.set()
    second.result(timeout=10)
    reading.stop()
    assert asked == [2]


def test_only_the_question_being_answered_is_interrupted() -> None:
    interrupted, started = threading.Event(), threading.Event()
    reading = ReadingThread(lambda: interrupted)

    def long_question(resource: threading.Event) -> bool:
        started.set()
        return resource.wait(10)

    long_one = reading.ask(long_question)
    short = reading.ask(lambda _: "short")
    started.wait(10)
    reading.give_up(long_one, lambda resource: resource.set())
    assert long_one.result(timeout=10) is True
    assert short.result(timeout=10) == "short"
    calls: list[object] = []
    reading.give_up(long_one, calls.append)
    reading.give_up(short, calls.append)
    reading.stop()
    assert calls == []


@pytest.fixture
def slow_sorting(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An index that finds the first 100 rows at once, and all of them once the event is set."""
    answering = threading.Event()
    original = Table.order

    def slow(self: Table, *words: Any, limit: int | None = None, **more: Any) -> array[int]:
        if limit is None:
            answering.wait(30)
        return original(self, *words, limit=limit, **more)

    monkeypatch.setattr(table_loader, "FIRST", 100)
    monkeypatch.setattr(Table, "order", slow)
    yield answering
    answering.set()


@pytest.mark.slow
async def test_the_first_rows_are_shown_before_all_are_found(
    explorer_app: AppMaker, slow_sorting: threading.Event
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("L", "l", "s")
        while not (rows(app) and "100+" in app.screen.query_one(TableTitle).render_line(0).text):
            await pilot.pause()
        while rows(app)[0] == ["⋮"]:
            await pilot.pause()
        first = rows(app)
        await pilot.press("j", "j", "enter")
        assert "still being read" in foot(app)
        slow_sorting.set()
        await settled(pilot)
        assert "3 of 160" in app.screen.query_one(TableTitle).render_line(0).text
        assert rows(app) == first
        await press(pilot, "end", "home", "enter")
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == first[0][0]


@pytest.mark.slow
async def test_leaving_interrupts_the_running_question(
    explorer_app: AppMaker, slow_sorting: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Index, "interrupt", lambda _: slow_sorting.set())
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("L", "l", "s")
        while not (rows(app) and "100+" in app.screen.query_one(TableTitle).render_line(0).text):
            await pilot.pause()
        while not app.screen._rest_asked:  # type: ignore[attr-defined]  # a NeuronsScreen
            await pilot.pause()
        await pilot.press("q")
        await settled(pilot)
        assert slow_sorting.is_set()
        await press(pilot, "j", "L")  # and it can be asked again
        assert "of 160" in app.screen.query_one(TableTitle).render_line(0).text


async def test_only_rows_near_the_screen_are_read(explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = Table.rows_of

    def counted(self: Table, numbers: Sequence[int], columns: Sequence[str], *, signs: str) -> Any:
        read.extend(numbers)
        return original(self, numbers, columns, signs=signs)

    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 12)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(Table, "rows_of", counted)
        await press(pilot, "L", "home")
        assert len(read) <= 2 * PAGE
        assert max(read) < 2 * PAGE
