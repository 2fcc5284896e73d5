"""Walks through the density and the card of a neuron, and the tokens that its panes say it promotes."""

from __future__ import annotations

from pathlib import Path

import pytest

import indexer
from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.card import CardScreen
from gluscope_tui.tui.screens.density import DensityScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.widgets.header import HeaderLine
from gluscope_tui.tui.widgets.hints import Hints
from gluscope_tui.tui.widgets.inspector import Inspector
from gluscope_tui.tui.widgets.styled_lines import StyledLines
from gluscope_tui.views.writes import bare
from indexer.quadrants import QUADRANTS
from tests.support import hostile
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, state_of
from tests.support.weights_fixture import KINDS, with_weights


def body(app: ExplorerApp) -> list[str]:
    lines = app.screen.query_one(StyledLines)
    return [lines.render_line(row).text for row in range(lines.size.height)]


def foot(app: ExplorerApp) -> str:
    return app.screen.query_one(Hints).render_line(0).text


@pytest.mark.slow
async def test_d_shows_the_sample_and_j_and_k_walk_on_with_it_open(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "d")
        assert isinstance(app.screen, DensityScreen)
        with indexer.open(hostile_index) as index:
            for key, neuron in (("", "L1N5"), ("j", "L1N6"), ("j", "L1N7"), ("k", "L1N6"), ("l", "L2N6")):
                await press(pilot, *key)
                assert here(app) == neuron
                sample = index.sample(neuron)
                inside = sum(gate > 0 and in_ > 0 for gate, in_ in zip(sample.gate, sample.in_, strict=True))
                assert f"++ {inside} " in body(app)[0]
        await press(pilot, "u", "f")
        assert state_of(app).view.signs == "raw"
        await press(pilot, "d")
        assert isinstance(app.screen, HomeScreen)
        assert here(app) in header_text(app)


async def test_the_end_of_the_list_is_reported_with_the_density_open_too(explorer_app: AppMaker) -> None:
    app = explorer_app("L0N0")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "d", "k")
        assert "the list ends here" in foot(app)
        await press(pilot, "j")
        assert "j/k neuron" in foot(app)


@pytest.mark.parametrize("key", ["q", "escape", "backspace", "i"])
async def test_every_way_back_closes_the_card(explorer_app: AppMaker, weighted_index: Path, key: str) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i")
        assert isinstance(app.screen, CardScreen)
        await press(pilot, key)
        assert isinstance(app.screen, HomeScreen)
        assert app.is_running


@pytest.mark.slow
async def test_the_card_and_the_density_replace_each_other(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "d", "i")
        assert isinstance(app.screen, CardScreen)
        await press(pilot, "d")
        assert isinstance(app.screen, DensityScreen)
        await press(pilot, "question_mark", "q", "escape")
        assert isinstance(app.screen, HomeScreen)
        assert len(app.screen_stack) == 2


@pytest.mark.slow
async def test_enter_on_a_nearest_neuron_goes_there_and_u_comes_back(
    explorer_app: AppMaker, weighted_index: Path
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        with indexer.open(weighted_index) as index:
            weights = index.weights("L1N5")
        assert weights is not None
        await press(pilot, "i", "down", "down")
        assert sum("▸" + str(weights.nearest_out[2].neuron) in line for line in body(app)) == 1
        await press(pilot, "enter")
        assert here(app) == str(weights.nearest_out[2].neuron)
        assert isinstance(app.screen, CardScreen)
        assert sum("▸" in line for line in body(app)) == 1
        await press(pilot, "u")
        assert here(app) == "L1N5"
        await press(pilot, "right", "enter")
        assert here(app) == str(weights.nearest_in[0].neuron)


@pytest.mark.slow
async def test_the_nearest_neurons_become_the_current_list(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(120, 40)) as pilot:
        with indexer.open(weighted_index) as index:
            weights = index.weights("L1N5")
        assert weights is not None
        await press(pilot, "i", "right", "b")
        current = state_of(app).current
        assert [str(neuron) for neuron in current.neurons] == [
            "L1N5",
            *(str(one.neuron) for one in weights.nearest_in),
        ]
        assert len(current) == KINDS + 1
        await press(pilot, "j")
        assert here(app) == str(weights.nearest_in[0].neuron)
        assert "nearest L1N5 by w_in" in app.screen.query_one(HeaderLine).render_line(0).text
        await press(pilot, "escape")
        assert "nearest L1N5 by w_in" in header_text(app)


@pytest.mark.slow
async def test_a_click_chooses_a_nearest_neuron(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i")
        first = next(row for row, line in enumerate(body(app)) if "▸" in line)
        await pilot.click(StyledLines, offset=(30, first + 1))
        await press(pilot, "enter")
        with indexer.open(weighted_index) as index:
            weights = index.weights("L1N5")
        assert weights is not None
        assert here(app) == str(weights.nearest_in[1].neuron)


@pytest.mark.slow
async def test_neurons_that_feed_and_are_fed_are_gone_to_and_become_the_list(
    explorer_app: AppMaker, hostile_index: Path, tmp_path: Path
) -> None:
    path = with_weights(hostile_index, tmp_path / "wired.db", wires=3)
    app = explorer_app("L1N5", path=path)
    async with app.run_test(size=(80, 24)) as pilot:
        with indexer.open(path) as index:
            weights = index.weights("L1N5")
        assert weights is not None
        assert weights.wiring is not None
        await press(pilot, "i", "right", "right", "down")
        chosen = weights.wiring.fed_gate[1]
        assert sum(f"▸{chosen.neuron}" in line for line in body(app)) == 1
        assert f"of {chosen.neuron} (post {'+' if chosen.cosine > 0 else '-'}) open its gate" in "".join(body(app))
        await press(pilot, "enter")
        assert here(app) == str(chosen.neuron)
        await press(pilot, "u")
        assert here(app) == "L1N5"
        await press(pilot, "right", "right", "right", "right")  # the last list stays chosen
        await press(pilot, "b")
        current = state_of(app).current
        assert [str(one) for one in current.neurons] == ["L1N5", *(str(o.neuron) for o in weights.wiring.feeds_in)]
        assert "whose in L1N5 feeds" in app.screen.query_one(HeaderLine).render_line(0).text
        first = next(row for row, line in enumerate(body(app)) if "▸" in line)
        await pilot.click(StyledLines, offset=(2, first + 1))  # the first of three lists that fit: its in is fed by
        await press(pilot, "enter")
        assert here(app) == str(weights.wiring.fed_in[1].neuron)


async def test_without_wiring_the_card_says_how_to_add_it(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i")
        assert "no wiring: gluscope index --weights-only MODEL --db FILE adds it" in "".join(body(app))


@pytest.mark.slow
async def test_without_weights_the_card_says_how_to_add_them_and_panes_say_nothing(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        assert not any("writes" in line for quadrant in QUADRANTS for line in pane_text(app, quadrant))
        await press(pilot, "i")
        text = " ".join("\n".join(body(app)).split())
        assert "weights are not in this index" in text
        assert "gluscope index --weights-only MODEL --db" in text
        await press(pilot, "down", "enter", "b", "j")
        assert here(app) == "L1N6"


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
async def test_each_pane_names_the_promoted_tokens_with_its_sign_of_post(
    explorer_app: AppMaker, weighted_index: Path, signs: str
) -> None:
    app = explorer_app("L1N3", path=weighted_index)
    seen = set()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *("f" if signs == "raw" else ""))
        with indexer.open(weighted_index) as index:
            for _ in range(6):
                record = index.neuron(here(app), signs=signs, weights=True)
                assert record.weights is not None
                for quadrant in QUADRANTS:
                    row = pane_text(app, quadrant)[1].rstrip(" │")
                    post = record.quadrants[quadrant].extreme.post
                    if not post:
                        assert "writes" not in row
                        continue
                    told = record.weights.promotes if post > 0 else record.weights.suppresses
                    sign = "+out" if quadrant.gate_sign == quadrant.in_sign else "-out"
                    assert row.startswith(f"  writes {sign}: {bare(told[0].text)}")
                    seen.add((quadrant, sign))
                await press(pilot, "j")
    assert {sign for _, sign in seen} == {"+out", "-out"}
    assert len(seen) == 4


@pytest.mark.slow
async def test_the_writes_row_hides_no_context(explorer_app: AppMaker, weighted_index: Path) -> None:
    rows = {}
    for path in (weighted_index, None):
        app = explorer_app("L1N5", **({"path": path} if path else {}))
        async with app.run_test(size=(80, 24)) as pilot:
            await press(pilot)
            rows[path] = {quadrant: pane_text(app, quadrant) for quadrant in QUADRANTS}
    for quadrant, height in zip(QUADRANTS, (10, 10, 9, 9), strict=True):
        assert len(rows[None][quadrant]) == height
        assert rows[weighted_index][quadrant][0] == rows[None][quadrant][0]
        assert "writes" in rows[weighted_index][quadrant][1]
        assert rows[weighted_index][quadrant][2:] == rows[None][quadrant][1:-1]
        assert not rows[None][quadrant][-1].strip(" │")


@pytest.mark.slow
async def test_the_inspector_shows_percentiles_of_values_if_there_is_room(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(160, 40)) as pilot:
        while state_of(app).view.ranking != "random":
            await press(pilot, "r")
        with indexer.open(hostile_index) as index:
            sample, record = index.sample("L1N5"), index.neuron("L1N5")
        values = list(zip(sample.gate, sample.in_, sample.post, strict=True))
        inside = {
            quadrant: [
                abs(post) for gate, in_, post in values if (gate * quadrant.gate_sign > 0 < in_ * quadrant.in_sign)
            ]
            for quadrant in QUADRANTS
        }
        quadrant = max(QUADRANTS, key=lambda quadrant: len(inside[quadrant]))
        assert len(inside[quadrant]) >= 20
        await press(pilot, str(QUADRANTS.index(quadrant) + 1))
        value = abs(record.quadrants[quadrant].examples["random"][0].value)
        below = sum(other < value * (1 - 2**-9) for other in inside[quadrant])
        not_above = sum(other <= value * (1 + 2**-9) for other in inside[quadrant])
        line = home_of(app).query_one(Inspector).render_line(0).text
        told = line.rpartition("post ")[2].split()[1]
        assert told == f"p{50 * (below + not_above) // len(inside[quadrant])}"


@pytest.mark.slow
async def test_the_cycle_has_every_ranking_of_the_index_including_random(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in range(5):
            seen.append(state_of(app).view.ranking)
            await press(pilot, "r")
        assert seen == ["post", "gate", "in", "act", "random"]
        assert state_of(app).view.ranking == "post"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "depth", "ascii_only"),
    [
        ((80, 24), Depth.TRUE, False),
        ((120, 40), Depth.NONE, False),
        ((60, 20), Depth.ANSI256, True),
        ((40, 10), Depth.TRUE, False),
    ],
)
async def test_no_control_character_of_a_token_reaches_card_density_or_panes(
    explorer_app: AppMaker, weighted_index: Path, size: tuple[int, int], depth: Depth, ascii_only: bool
) -> None:
    app = explorer_app("L1N3", path=weighted_index, depth=depth, ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        for key in ("", "i", "j", "end", "pagedown", "d", "j"):
            await press(pilot, *([key] if key else []))
            lines = [strip.text for strip in app.screen._compositor.render_strips()]
            assert hostile.harmful("".join(lines)) == []
            assert "".join(lines).isascii() or not ascii_only
