"""Opening the explorer: its first neuron, its list, slow and unreadable disks."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import indexer
from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.reading.opening import Opened, Request, open_index
from gluscope_tui.tui.reading.thread import ReadingThread
from gluscope_tui.tui.widgets.hints import Hints
from gluscope_tui.tui.widgets.small import Small
from indexer.database.reader import Index
from indexer.database.records import Hit
from indexer.quadrants import Quadrant
from tests.support.index_fixture import make_index
from tests.support.walking import AppMaker, header_text, here, home_of, press, settled, state_of, walked


@pytest.mark.slow
async def test_the_first_start_is_at_the_telling_neuron_the_next_at_the_last_position(
    explorer_app: AppMaker,
) -> None:
    app = explorer_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert here(app) == "L3N4"
        await press(pilot, "j", "h", "3", "r", "D", "down", "enter")
        assert (here(app), state_of(app).view.ranking) == ("L2N5", "gate")
        await pilot.press("q")
    assert app.return_code == 0
    again = explorer_app(theme="")
    async with again.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert (here(again), state_of(again).view.focused) == ("L2N5", Quadrant.NP)
        assert state_of(again).view.ranking == "gate"
        assert again.palette.text.bg == (255, 255, 255)


@pytest.mark.slow
async def test_remembered_settings_are_named_with_their_keys(explorer_app: AppMaker) -> None:
    first = explorer_app("L1N5")
    async with first.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "last time" not in foot(first)
        await press(pilot, "f", "r", "V", "w", "j", "3", "a", "z")
        await pilot.press("q", "q")
    again = explorer_app()
    async with again.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        view = state_of(again).view
        assert (view.signs, view.ranking, view.scale, view.wrap) == ("raw", "gate", "pane", True)
        assert foot(again) == "as last time: raw signs (f), rank gate (r), a scale a pane (V), wrapped (w)"
        await press(pilot, *"frrrrVw")  # the named keys undo it
        view = state_of(again).view
        assert (view.signs, view.ranking, view.scale, view.wrap) == ("aligned", "post", "neuron", False)
        await press(pilot, "f", "ctrl+r")
        assert "last time" not in foot(again)
        await press(pilot, "f")
        await pilot.press("q")
    last = explorer_app()
    async with last.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "last time" not in foot(last)


async def test_a_ranking_that_the_index_lacks_is_not_named_as_remembered(tmp_path: Path) -> None:
    make_index(tmp_path / "one.db", layers=1, width=6, documents=20, rankings=("gate", "in"))
    opened = open_index(Request(tmp_path / "one.db"))
    opened.index.close()
    assert (opened.view.ranking, opened.notices) == ("gate", ())


def foot(app: ExplorerApp) -> str:
    return home_of(app).query_one(Hints).render_line(0).text.strip()


async def test_an_argument_overrides_the_last_position(explorer_app: AppMaker) -> None:
    app = explorer_app("1.7")
    async with app.run_test(size=(80, 24)):
        assert here(app) == "L1N7"


async def test_the_explorer_says_that_a_slow_disk_opens_the_index_and_can_be_left(hostile_index: Path) -> None:
    answering = threading.Event()

    def slow() -> Opened:
        answering.wait(30)
        return open_index(Request(hostile_index))

    for leave in (True, False):
        answering.clear()
        reading = ReadingThread(slow)
        app = ExplorerApp(reading, Depth.TRUE)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert app.query_one(Small).render_line(0).text.startswith("opening the index")
            if leave:
                await pilot.press("q")
            else:
                answering.set()
                await settled(pilot)
                assert here(app) == "L3N4"
        answering.set()
        reading.opened.result().index.close()


async def test_an_index_that_cannot_be_opened_ends_the_explorer_with_the_reason(tmp_path: Path) -> None:
    app = ExplorerApp(ReadingThread(lambda: open_index(Request(tmp_path / "none.db"))), Depth.TRUE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    assert app.failure is not None
    assert "none.db" in app.failure.cause


async def test_the_users_own_list_is_the_current_list(explorer_app: AppMaker) -> None:
    lines = ("L3N1\tnote", "# comment", "nonsense", "", "0.7", "L3N1", "L9N9")
    app = explorer_app(neurons=lines, title="mine.tsv")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert (here(app), "1/2 mine.tsv" in header_text(app)) == ("L3N1", True)
        assert "2 lines are not neurons" in home_of(app).session.notice
        await press(pilot, "j")
        assert here(app) == "L0N7"


def searched(path: Path) -> tuple[list[str], list[Hit]]:
    """The plain output of `gluscope search`, and the same hits."""
    command = [sys.executable, "-m", "gluscope_tui", "search", "paris", "-n", "1000", "--db", str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    with indexer.open(path) as index:
        hits = list(index.search("paris"))
    assert len(hits) == len(printed)
    assert len({hit.ranking for hit in hits}) > 1
    return printed, hits


@pytest.mark.slow
async def test_a_list_printed_by_search_is_walked_context_by_context(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    printed, hits = searched(hostile_index)
    app = explorer_app(neurons=(*printed, "L0N7", printed[0]), title="stdin")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        explorer = state_of(app)
        assert "last time" not in home_of(app).session.notice
        async for place, hit in walked(pilot, hits):
            assert f"{place + 1}/{len(hits) + 1} stdin" in header_text(app)
            assert (explorer.shown.neuron, explorer.view.focused) == (hit.neuron, hit.quadrant)
            assert explorer.example == hit.example
        assert here(app) == "L0N7"
        assert explorer.view.ranking == hits[-1].ranking  # a row without a context changes nothing


@pytest.mark.slow
async def test_a_printed_context_is_found_under_raw_signs_too(explorer_app: AppMaker, hostile_index: Path) -> None:
    printed, hits = searched(hostile_index)
    with indexer.open(hostile_index) as index:
        place = next(place for place, hit in enumerate(hits) if index.neuron(hit.neuron).flipped)
    first = explorer_app("L1N5")
    async with first.run_test(size=(80, 24)) as pilot:
        await press(pilot, "f")
        await pilot.press("q")
    app = explorer_app(neurons=(printed[place],), title="stdin")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        example, expected = state_of(app).example, hits[place].example
        assert example is not None
        assert (example.ranking, example.rank, example.document, example.position) == (
            expected.ranking,
            expected.rank,
            expected.document,
            expected.position,
        )
        assert state_of(app).view.focused is hits[place].quadrant.flipped
        assert home_of(app).session.notice == "as last time: raw signs (f)"


async def test_an_unfinished_index_and_one_that_counts_bos_say_so(
    explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    original = Index.info

    def info(self: Index) -> Any:
        known = original(self)
        return replace(known, complete=False, settings={**known.settings, "count_first": True})

    monkeypatch.setattr(Index, "info", info)
    app = explorer_app("L1N5")
    async with app.run_test(size=(140, 40)):
        assert "index unfinished" in header_text(app)
        assert "BOS counted" in header_text(app)


def test_a_new_index_without_a_telling_neuron_opens_at_its_first(tmp_path: Path) -> None:
    make_index(tmp_path / "one.db", layers=1, width=3, documents=12)
    opened = open_index(Request(tmp_path / "one.db"))
    assert opened.current.neuron.site.layer == 0
    opened.index.close()
