"""An index file that is replaced, overwritten or added to while the explorer has it open."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest
from textual.strip import Strip

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.context import ContextScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.neurons import NeuronsScreen
from gluscope_tui.tui.widgets.hints import Hints
from indexer.quadrants import Quadrant
from tests.support.index_fixture import make_index
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, settled, state_of, typed


@pytest.fixture
def own_index(hostile_index: Path, tmp_path: Path) -> Path:
    """A copy of the index that the test may damage."""
    return Path(shutil.copy(hostile_index, tmp_path / "own.db"))


@pytest.fixture(scope="module")
def later_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model over more text: the same neurons with other numbers."""
    path = tmp_path_factory.mktemp("later") / "later.db"
    make_index(path, layers=4, width=40, documents=160, rankings=("post", "gate", "in", "act", "random"))
    return path


def top(app: ExplorerApp) -> type[object]:
    return type(app.screen)


def put_over(new: Path, path: Path) -> None:
    """Rename a copy over the file, as a finished run does."""
    os.replace(shutil.copy(new, path.with_name("made.db")), path)


@pytest.mark.slow
async def test_a_replaced_index_is_reported_once_still_read_and_reopened_at_the_same_place(
    explorer_app: AppMaker, own_index: Path, later_index: Path
) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "r", "3", "j")
        before = pane_text(app, Quadrant.NP)
        put_over(later_index, own_index)
        await press(pilot, "j", "j")
        assert here(app) == str(state_of(app).shown.neuron) == "L1N8"
        assert "replaced: ctrl+r" in header_text(app)
        await typed(pilot, "gL3N20\r")
        assert home_of(app).session.notice == ""  # the notice appears once; the header keeps the warning
        await typed(pilot, "gL1N6\r")
        assert pane_text(app, Quadrant.NP) == before
        await press(pilot, "ctrl+r")
        assert top(app) is HomeScreen
        assert len(app.screen_stack) == 2
        explorer = state_of(app)
        assert (here(app), explorer.view.ranking, explorer.view.focused) == ("L1N6", "gate", Quadrant.NP)
        assert pane_text(app, Quadrant.NP) != before
        assert "replaced" not in header_text(app)
        assert "open again" in home_of(app).session.notice
        await press(pilot, "j", "k")
        assert "replaced" not in header_text(app)


@pytest.mark.slow
async def test_the_notice_names_the_file_and_the_key(
    explorer_app: AppMaker, own_index: Path, later_index: Path
) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        put_over(later_index, own_index)
        await press(pilot, "j")
        assert home_of(app).session.notice == "own.db was replaced by another file: ctrl+r reopens it"
        assert "replaced: ctrl+r" in header_text(app)


@pytest.mark.slow
async def test_nothing_of_an_overwritten_index_is_shown(
    explorer_app: AppMaker, own_index: Path, later_index: Path
) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        before = pane_text(app)[1:]
        shutil.copyfile(later_index, own_index)
        await typed(pilot, "gL3N20\r")
        assert home_of(app).session.notice == "own.db was overwritten since it was opened: ctrl+r reopens it"
        assert str(state_of(app).shown.neuron) == "L1N5"
        assert pane_text(app)[1:] == before
        assert "the panes are L1N5's" in header_text(app)
        await press(pilot, "L", "s")
        assert top(app) is NeuronsScreen
        assert "ctrl+r reopens it" in app.screen.query_one(Hints).render_line(0).text
        await press(pilot, "ctrl+r")
        assert top(app) is HomeScreen
        assert (here(app), str(state_of(app).shown.neuron)) == ("L3N20", "L3N20")
        assert "the panes are" not in header_text(app)


@pytest.mark.slow
async def test_a_damaged_file_is_reported_as_overwritten(explorer_app: AppMaker, own_index: Path) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        own_index.write_bytes(os.urandom(50_000))
        await typed(pilot, "gL3N20\r")
        assert "overwritten" in home_of(app).session.notice
        await press(pilot, "ctrl+r")  # nothing can be opened: all stays
        assert "own.db is no index" in home_of(app).session.notice
        assert len(app.screen_stack) == 2
        await press(pilot, "question_mark", "ctrl+r")
        assert top(app) is HomeScreen
        assert "own.db is no index" in home_of(app).session.notice


async def test_added_weights_are_shown_after_reopening(
    explorer_app: AppMaker, own_index: Path, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "enter")
        assert top(app) is ContextScreen
        assert not state_of(app).facts.weights
        put_over(weighted_index, own_index)
        await press(pilot, "ctrl+r")
        assert top(app) is HomeScreen
        assert state_of(app).facts.weights
        assert state_of(app).record.weights is not None


async def test_the_users_own_list_keeps_its_place(explorer_app: AppMaker, own_index: Path) -> None:
    app = explorer_app(path=own_index, neurons=("L3N1", "L0N7", "L2N2"), title="mine.tsv")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "j", "ctrl+r")
        assert (here(app), "2/3 mine.tsv" in header_text(app)) == ("L0N7", True)


@pytest.mark.slow
async def test_a_smaller_model_at_the_same_path_opens_at_its_own_start(
    explorer_app: AppMaker, own_index: Path, tmp_path: Path
) -> None:
    make_index(tmp_path / "small.db", layers=1, width=6, documents=20)
    app = explorer_app("L3N30", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        put_over(tmp_path / "small.db", own_index)
        await press(pilot, "j", "ctrl+r")
        assert here(app) == "L0N4"  # its telling neuron
        assert "L3N31 is not in it" in home_of(app).session.notice


@pytest.mark.slow
async def test_a_list_that_cannot_be_restored_is_named(explorer_app: AppMaker, own_index: Path) -> None:
    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "enter", "ctrl+r")
        assert home_of(app).session.notice == "the index is open again, without the list peaks on paris"


@pytest.mark.slow
async def test_reopening_repeatedly_frees_the_earlier_screens(explorer_app: AppMaker, own_index: Path) -> None:
    def painted() -> int:
        gc.collect()
        return sum(issubclass(type(thing), Strip) for thing in gc.get_objects())

    app = explorer_app("L1N5", path=own_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "ctrl+r", "j", "L", "q")
        before = painted()
        for _ in range(5):
            await press(pilot, "ctrl+r", "j", "L", "q")
        assert here(app) == "L1N11"
        assert painted() <= before + 24  # the rows of one screen: what is drawn may differ by chance
