"""Pinning a neuron and swapping it in; lists that replace the layer's, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.widgets.pane import Pane
from indexer.quadrants import Quadrant
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, state_of, typed


@pytest.mark.slow
async def test_one_key_swaps_the_pinned_neurons_panes_in_place(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        pinned = pane_text(app)
        await press(pilot, "P", "j")
        other = pane_text(app)
        assert "pin L1N5" in header_text(app)
        assert other != pinned
        await press(pilot, "p")
        shown = home_of(app).query_one("#pane-pp", Pane).picture
        assert shown is not None
        assert str(state_of(app).shown.neuron) == "L1N5"
        assert pane_text(app)[1:] == pinned[1:]
        assert state_of(app).view.focused is Quadrant.PN
        assert "L1N5" in header_text(app)
        assert "pinned, p: L1N6" in header_text(app)
        await press(pilot, "p")
        assert (str(state_of(app).shown.neuron), here(app)) == ("L1N6", "L1N6")
        assert pane_text(app)[1:] == other[1:]


@pytest.mark.slow
async def test_a_step_escape_and_unpinning_show_the_lists_neuron(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "p")
        assert "nothing is pinned yet" in home_of(app).session.notice
        await press(pilot, "P", "p")
        assert "this is the pinned neuron" in home_of(app).session.notice
        await press(pilot, "j", "p", "j")
        assert str(state_of(app).shown.neuron) == "L1N7"
        await press(pilot, "p", "escape")
        assert str(state_of(app).shown.neuron) == "L1N7"
        await press(pilot, "p", "P")
        assert (state_of(app).pinned, str(state_of(app).shown.neuron)) == (None, "L1N7")


async def test_the_shown_neuron_is_the_one_kept_and_copied(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "P", "j", "p")
        await typed(pilot, "mpinned one\r")
        assert "\nL1N5\t\tpinned one\t\t2" in next(state_home.glob("gluscope/*/marks.tsv")).read_text()
        await press(pilot, "C")
        assert (state_home / "gluscope" / "copied.txt").read_text().startswith("gluscope show L1N5 ")


@pytest.mark.slow
async def test_an_empty_note_removes_a_mark(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "mnote\r")
        await typed(pilot, "gL1N9\rm\r")
        file = next(state_home.glob("gluscope/*/marks.tsv"))
        kept = [line.split("\t")[:3] for line in file.read_text().splitlines()[1:]]
        assert kept == [["L1N5", "", "note"], ["L1N9", "", ""]]
        assert "without a note: m and Enter takes the mark away" in home_of(app).session.notice
        await typed(pilot, "m\r")
        assert "L1N9" not in file.read_text()
        assert home_of(app).session.notice == "L1N9 is no longer marked"
        await typed(pilot, "gL1N5\rm")
        await press(pilot, "enter")  # the note is selected, and stays as it is
        assert "\tnote\t" in file.read_text()
        await press(pilot, "m", "backspace", "enter")
        assert "L1N5" not in file.read_text()


@pytest.mark.slow
async def test_escape_and_q_lead_from_the_marks_to_the_layers_list_before_q_quits(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "m\rgL3N1\rm\r")
        await press(pilot, "M", "home", "enter")
        assert "marks" in header_text(app)
        await press(pilot, "q")
        assert app.is_running
        assert isinstance(app.screen, HomeScreen)
        assert (here(app), state_of(app).current.label) == ("L1N5", "in layer, by index")
        await press(pilot, "u")
        assert state_of(app).current.title == "marks"
        await press(pilot, "escape", "escape")
        assert app.is_running
        await pilot.press("q")
    assert app.return_code == 0


async def test_the_list_given_at_the_start_cannot_be_left(explorer_app: AppMaker) -> None:
    app = explorer_app(neurons=("L2N2", "L1N1"), title="mine.txt")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "j", "escape")
        assert state_of(app).current.title == "mine.txt"
        await typed(pilot, "m\r")
        await press(pilot, "M", "enter")
        assert state_of(app).current.title == "marks"
        await press(pilot, "backspace")
        assert (here(app), state_of(app).current.title) == ("L1N1", "mine.txt")
        await pilot.press("q")
    assert app.return_code == 0
