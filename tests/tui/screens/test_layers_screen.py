"""The table of layers: its numbers, its order, and the jump to a layer."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.layers import LayersScreen
from gluscope_tui.tui.screens.neurons import NeuronsScreen
from gluscope_tui.tui.widgets.table import Table
from indexer.database.format.classes import CLASSES
from tests.support.table_screens import foot, headline
from tests.support.walking import AppMaker, header_text, here, press, settled


def lines(app: ExplorerApp) -> list[str]:
    table = app.screen.query_one(Table)
    return [table.render_line(row).text for row in range(table.size.height)]


def rows(app: ExplorerApp) -> list[list[str]]:
    return [line.lstrip("▸ ").split() for line in lines(app)[2:] if line.strip()]


def mean_frequency(path: Path, column: str) -> dict[str, float]:
    """The mean frequency of each layer in per cent, summed neuron by neuron."""
    with indexer.open(path) as index:
        found: dict[str, list[float]] = {}
        for site, value in index.rows(("site", column)):
            found.setdefault(site, []).append(value)
    return {site: 100 * sum(values) / len(values) for site, values in found.items()}


async def test_each_layer_has_a_row_with_its_mean_frequencies(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L2N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "O")
        assert isinstance(app.screen, LayersScreen)
        assert [row[0] for row in rows(app)] == ["L0", "L1", "L2", "L3"]
        assert lines(app)[4].startswith("▸L2")
        for place, letters in enumerate(("pp", "pn", "np", "nn"), 2):
            expected = mean_frequency(hostile_index, f"frequency_{letters}")
            for row in rows(app):
                assert float(row[place]) == pytest.approx(expected[row[0]], abs=0.051)


async def test_enter_jumps_to_the_layer_at_the_same_index(explorer_app: AppMaker) -> None:
    app = explorer_app("L2N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "O", "k", "k", "enter")
        assert isinstance(app.screen, HomeScreen)
        assert (here(app), "6/40 in layer, by index" in header_text(app)) == ("L0N5", True)
        await press(pilot, "u")
        assert here(app) == "L2N5"


@pytest.mark.slow
async def test_layers_are_sorted_by_the_column_under_the_cursor(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L2N5")
    expected = mean_frequency(hostile_index, "frequency_np")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "O", "l", "l", "l", "l", "s")
        assert [row[0] for row in rows(app)] == sorted(expected, key=lambda site: -expected[site])
        await press(pilot, "minus")
        assert [row[0] for row in rows(app)] == sorted(expected, key=lambda site: expected[site])
        await press(pilot, "q", "f", "O")  # under raw signs the rows are read again
        assert len(rows(app)) == 4


@pytest.mark.parametrize("depth", [Depth.NONE, Depth.ANSI16, Depth.ANSI256, Depth.TRUE])
async def test_cells_are_shaded_if_there_is_colour(depth: Depth, explorer_app: AppMaker) -> None:
    app = explorer_app("L2N5", depth=depth)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "O")
        await settled(pilot)
        strip = app.screen.query_one(Table).render_line(2)
        grounds = {segment.style.bgcolor for segment in strip if segment.style is not None}
        assert (len(grounds) > 1) == (depth is not Depth.NONE)


@pytest.mark.slow
async def test_enter_on_a_cell_lists_the_neurons_that_it_counts(
    explorer_app: AppMaker, weighted_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = explorer_app("L2N5", path=weighted_index)
    with indexer.open(weighted_index) as index:
        classes = [row[0] for row in index.rows(("rw_class",), where="site = 'L2'")]
    expected = [classes.count(name) for name in CLASSES] + [sum((name or "").startswith("atyp") for name in classes)]
    async with app.run_test(size=(160, 40)) as pilot:
        await press(pilot, "O")
        assert "conditional" in lines(app)[0]
        assert "strengthening" in lines(app)[1]
        assert [int(number) for number in rows(app)[2][7:]] == expected
        assert sum(expected) == sum(name is not None for name in classes)
        for place, count in enumerate(expected):
            screen = app.screen
            assert isinstance(screen, LayersScreen)
            screen.view = replace(screen.view, place=2, column=7 + place)
            await press(pilot, "enter")
            if count:
                assert isinstance(app.screen, NeuronsScreen)
                assert app.screen.total == count
                await press(pilot, "O")
            else:
                assert "counts no neuron" in foot(app)
        await press(pilot, "home", *"hhhhhhhhhhhhh", *"lll", "enter")
        assert "by frequency_pn down" in headline(app)
        assert "site = 'L0'" in headline(app)
    run(["layers", "-f", "table", "--db", str(weighted_index)])
    told = capsys.readouterr().err
    assert "the neurons of a cell: gluscope neurons -n 0 -w" in told
    words = shlex.split(told.split("the neurons of a cell: gluscope ")[1].splitlines()[0])
    assert run([*words, "-f", "plain", "--db", str(weighted_index)]) == 0
