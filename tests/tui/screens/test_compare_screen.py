"""Walks with a neuron pinned: the comparison on its screen, the pinned neuron in card and density, two indexes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.reading.opening import Request, open_index
from gluscope_tui.tui.screens.card import CardScreen
from gluscope_tui.tui.screens.compare import CompareScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.widgets.header import HeaderLine
from gluscope_tui.tui.widgets.hints import Hints
from gluscope_tui.tui.widgets.styled_lines import StyledLines
from indexer.addresses import SiteAddress, parse_neuron
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from tests.support.index_fixture import make_index
from tests.support.live_stand_in import cosines
from tests.support.walking import AppMaker, header_text, here, home_of, press, state_of, typed


def body(app: ExplorerApp) -> list[str]:
    lines = app.screen.query_one(StyledLines)
    return [lines.render_line(row).text.rstrip() for row in range(lines.size.height)]


def foot(app: ExplorerApp) -> str:
    return app.screen.query_one(Hints).render_line(0).text


def head(app: ExplorerApp) -> str:
    return app.screen.query_one(HeaderLine).render_line(0).text


@pytest.mark.slow
@pytest.mark.parametrize(("width", "beside"), [(120, True), (100, True), (99, False)])
async def test_the_pinned_neuron_stands_beside_the_current_one_which_j_and_k_walk(
    explorer_app: AppMaker, weighted_index: Path, width: int, beside: bool
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(width, 40)) as pilot:
        await press(pilot, "P", "j", "equals_sign")
        assert isinstance(app.screen, CompareScreen)
        first = body(app)[0].split()
        assert first == (["L1N5", "│", "L1N6"] if beside else ["L1N5"])
        assert any("cos(gate, gate) not in the index" in line for line in body(app))
        assert "p sides  W cosines" in foot(app)
        await press(pilot, "j")
        assert here(app) == "L1N7"
        assert any("L1N7" in line for line in body(app))
        await press(pilot, "p")
        assert body(app)[0].split()[0] == "L1N7"
        await press(pilot, "p", "l")
        assert here(app) == "L2N7"
        assert any("L2N7" in line for line in body(app))
        await press(pilot, "C")
        assert "gluscope show L1N5 L2N7 --compare" in copied(app)
        top = body(app)[0]
        await press(pilot, "down", "down")
        assert body(app)[0] != top
        await press(pilot, "escape")
        assert isinstance(app.screen, HomeScreen)


def copied(app: ExplorerApp) -> str:
    return (home_of(app).session.state.path.parents[1] / "copied.txt").read_text()


@pytest.mark.slow
async def test_without_a_pin_the_comparison_says_how_to_get_one(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "equals_sign")
        assert "Nothing is pinned. P pins this neuron" in body(app)[0]
        await press(pilot, "C")
        assert "nothing is compared yet" in foot(app)
        await press(pilot, "P")
        assert "This is the pinned neuron. j and k show others beside it." in body(app)[0]
        for key in ("C", "W", "p"):
            await press(pilot, key)
            assert "this is the pinned neuron" in foot(app)
        await press(pilot, "j")
        assert "L1N5" in body(app)[0]
        assert here(app) == "L1N6"


@pytest.mark.slow
async def test_the_pinned_neuron_comes_in_place_in_card_and_density_with_its_own_place(
    explorer_app: AppMaker, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "P", "j", "j", "i")
        assert "8/40" in head(app)
        await press(pilot, "p")
        assert isinstance(app.screen, CardScreen)
        assert str(state_of(app).shown.neuron) == "L1N5"
        assert "6/40" in head(app)
        await press(pilot, "d")
        assert "6/40" in head(app)
        await press(pilot, "p")
        assert "8/40" in head(app)
        await press(pilot, "p", "q")
        assert "6/40" in header_text(app)
        await press(pilot, "p", "l", "p")
        assert "6/40 in layer" in header_text(app)  # its own layer
        await press(pilot, "equals_sign")  # the list's neuron is compared, whichever home showed
        assert body(app)[0].split() == ["L1N5", "│", "L2N7"]
        assert str(state_of(app).shown.neuron) == "L2N7"
        await press(pilot, "m", "enter", "M", "enter", "escape", "p")
        assert "-/1 not in marks" in header_text(app)


@pytest.mark.slow
async def test_an_index_beside_shows_the_same_neuron_in_both(
    explorer_app: AppMaker, weighted_index: Path, tmp_path: Path
) -> None:
    sites = [SiteAddress("", layer) for layer in range(2)]
    make_index(tmp_path / "other.db", layers=4, sites=sites, width=40, documents=30, seed=4)
    app = explorer_app("L1N5", path=weighted_index, beside=tmp_path / "other.db")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "equals_sign")
        assert body(app)[0].split() == ["weighted.db", "│", "other.db"]
        assert any("±" in line for line in body(app))
        await press(pilot, "C")
        assert f"gluscope show L1N5 --beside {tmp_path / 'other.db'}" in copied(app)
        await press(pilot, "l", "l")  # a layer that the other index lacks
        assert here(app) == "L3N5"
        page = " ".join(line.strip() for line in body(app))
        assert "L3N5 is not in" in page
        assert "layer 3 was not indexed, only 0-1" in page


def test_an_index_of_another_shape_is_refused_at_the_start(weighted_index: Path, tmp_path: Path) -> None:

    make_index(tmp_path / "narrow.db", layers=4, width=13, documents=10)
    with pytest.raises(GluscopeError, match="40 neurons"):
        open_index(Request(weighted_index, beside=tmp_path / "narrow.db"))


def stand_in(how: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.support.live_stand_in", how)


async def until(pilot: Pilot[None], text: str) -> str:
    """Wait until the comparison or its foot shows a text."""
    found = ""
    for _ in range(600):
        await pilot.pause(0.02)
        app = pilot.app
        assert isinstance(app, ExplorerApp)
        if isinstance(app.screen, CompareScreen) and text in (found := "\n".join([*body(app), foot(app)])):
            return found
    raise AssertionError(f"{text!r} is not shown: {found}")


def words(path: Path, one: str, other: str, *, turn: bool = False) -> list[str]:
    """The cosines that the stand-in gives of two neurons, as the screen writes them under aligned signs."""
    with Index(path) as index:
        flips = [-1 if index.neuron(parse_neuron(name)).flipped else 1 for name in (one, other)]
    found = []
    for a, b, cosine in cosines({"one": one, "other": other})["cosines"]:
        signed = cosine * (flips[0] if a != "gate" else 1) * (flips[1] if b != "gate" else 1)
        named = (b, a) if turn and a != "out" else (a, b)  # what one writes comes first, whichever side it is on
        found.append(f"cos({named[0]}, {named[1]}) {signed:+.3f}")
    return found


@pytest.mark.slow
async def test_the_models_process_gives_the_cosines_on_demand_and_then_of_every_pair_that_is_walked(
    explorer_app: AppMaker, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=weighted_index, server=stand_in("slow"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "P", "l", "equals_sign")
        page = await until(pilot, "W reads them from the model")
        assert "cos(gate, gate) not in the index" in page
        await press(pilot, "C")
        assert "--model" not in copied(app)
        await press(pilot, "W")
        page = await until(pilot, words(weighted_index, "L1N5", "L2N5")[0])
        assert all(one in page for one in words(weighted_index, "L1N5", "L2N5"))
        assert "W reads" not in page
        assert "within" not in page
        await press(pilot, "C")
        assert "--compare --model /models/stand-in" in copied(app)
        await press(pilot, "j", "j")
        page = await until(pilot, words(weighted_index, "L1N5", "L2N7")[0])
        await press(pilot, "p")
        page = await until(pilot, words(weighted_index, "L1N5", "L2N7", turn=True)[3])
        assert all(one in page for one in words(weighted_index, "L1N5", "L2N7", turn=True))
        assert "feeds     L1N5 → L2N7" in page
        await press(pilot, "W")
        assert "these cosines are the model's" in foot(app)


@pytest.mark.slow
async def test_a_text_that_was_tried_has_loaded_the_model_so_no_key_is_needed(
    explorer_app: AppMaker, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=weighted_index, server=stand_in("well"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t")
        await typed(pilot, "cat\r")
        await press(pilot, "P", "j", "equals_sign")
        await until(pilot, words(weighted_index, "L1N5", "L1N6")[0])


@pytest.mark.slow
async def test_waiting_for_the_model_is_given_up_with_the_same_key_and_its_end_is_told(
    explorer_app: AppMaker, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=weighted_index, server=stand_in("mute"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "P", "j", "equals_sign", "W")
        await until(pilot, "asking the model (W gives up)")
        await press(pilot, "W")
        await until(pilot, "W reads them from the model")
        assert "given up" in foot(app)
        await press(pilot, "W")
        await until(pilot, "asking the model (W gives up)")
        app._live.stop()
        app._live._command = ("/nowhere/python",)
        await press(pilot, "W", "W")
        assert "has ended: W tries again" in await until(pilot, "has ended")
        assert "W reads them from the model" in "\n".join(body(app))
        app._live._command = stand_in("well")
        await press(pilot, "W")
        await until(pilot, words(weighted_index, "L1N5", "L1N6")[0])
