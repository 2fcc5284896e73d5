"""The table of all neurons: sorting, filtering, choosing columns, and making it the current list."""

from __future__ import annotations

from pathlib import Path

import pytest

import indexer
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.choice import ChoiceScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.neurons import NeuronsScreen
from gluscope_tui.tui.widgets.table import Table
from tests.support.table_screens import foot, foot_lines, headline, lines, rows
from tests.support.walking import AppMaker, header_text, here, home_of, press, settled, state_of, typed


def screen(app: ExplorerApp) -> NeuronsScreen:
    assert isinstance(app.screen, NeuronsScreen)
    return app.screen


def all_by(path: Path, column: str, *, descending: bool, signs: str = "aligned") -> list[str]:
    """The addresses sorted in Python; those without a value last, ties in the order of the index."""
    with indexer.open(path) as index:
        found = list(index.rows(("neuron", column), signs=signs))
    there = [row for row in found if row[1] is not None]
    ordered = sorted(there, key=lambda row: row[1], reverse=descending)
    return [row[0] for row in ordered] + [row[0] for row in found if row[1] is None]


async def test_l_opens_at_the_neuron_that_is_shown_and_scrolls_through_all(explorer_app: AppMaker) -> None:
    app = explorer_app("L2N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L")
        assert "86 of 160" in headline(app)
        assert any(line.startswith("▸L2N5 ") for line in lines(app))
        await press(pilot, "end")
        assert rows(app)[-1][0] == "L3N39"
        await press(pilot, "home", "j", "J", "k", "K")
        assert ("1 of 160" in headline(app), rows(app)[0][0]) == (True, "L0N0")
        await press(pilot, "k", "q")
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == "L2N5"


@pytest.mark.slow
async def test_s_sorts_by_the_column_under_the_cursor_and_again_the_other_way(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L", "l", "right", "s")
        assert screen(app).view.place == 0
        for descending in (True, False):
            expected = all_by(hostile_index, "frequency_pn", descending=descending)
            assert [row[0] for row in rows(app)] == expected[: len(rows(app))]
            assert f"by frequency_pn {'down' if descending else 'up'}" in headline(app)
            await press(pilot, "minus" if descending else "s")
        assert "frequency_pn down" in headline(app)


@pytest.mark.slow
async def test_enter_makes_the_rows_in_their_order_the_current_list(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L", "l", "s", "j", "j", "enter")
        expected = all_by(hostile_index, "frequency_pp", descending=True)
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == str(state_of(app).shown.neuron) == expected[2]
        assert "3/160 all neurons, by frequency_pp down" in header_text(app)
        await press(pilot, "j")
        assert here(app) == expected[3]
        await press(pilot, "u")
        assert (here(app), "in layer" in header_text(app)) == ("L1N5", True)
        await press(pilot, "U", "L")
        assert "4 of 160" in headline(app)
        await press(pilot, "q", "escape")
        assert (here(app), "in layer" in header_text(app)) == (expected[3], True)


@pytest.mark.slow
async def test_a_filter_takes_conditions_and_keeps_errors_in_the_prompt(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", "slash")
        await typed(pilot, "frequncy_pp > 0.3\r")
        typing = screen(app).typing
        assert typing is not None
        assert "frequency_pp" in typing.error
        assert "did you mean frequency_pp" in foot(app)
        await press(pilot, "ctrl+u")
        await typed(pilot, "layer >= 2 and frequency_pp > 0.25\r")
        with indexer.open(hostile_index) as index:
            expected = [
                row[0] for row in index.rows(("neuron", "layer", "frequency_pp")) if row[1] >= 2 and row[2] > 0.25
            ]
        assert screen(app).typing is None
        assert f"1 of {len(expected)} " in headline(app)
        assert [row[0] for row in rows(app)] == expected[: len(rows(app))]
        await press(pilot, "slash", "escape")
        assert f"1 of {len(expected)} " in headline(app)
        await typed(pilot, "/")
        await press(pilot, "ctrl+u")
        await typed(pilot, "layer < 0\r")
        assert "no neuron meets this condition" in lines(app)[2]
        await press(pilot, "j", "end", "enter")
        assert "no row" in foot(app)
        await press(pilot, "slash", "ctrl+u", "enter")
        assert "of 160" in headline(app)


@pytest.mark.slow
async def test_an_unknown_column_names_the_key_that_shows_the_columns(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", "slash")
        await typed(pilot, "xyzzy > 0.3\r")
        assert "there is no column xyzzy" in foot(app)
        assert "Escape and c show the columns, / comes back" in " ".join(foot_lines(app))
        assert "gluscope" not in " ".join(foot_lines(app))
        await press(pilot, "escape", "c")
        assert isinstance(app.screen, ChoiceScreen)
        await press(pilot, "escape", "slash")
        typing = screen(app).typing
        assert typing is not None
        assert typing.text == "xyzzy > 0.3"
        await press(pilot, "ctrl+u")
        await typed(pilot, "layer = 2\r")
        await press(pilot, "slash")
        typing = screen(app).typing
        assert typing is not None
        assert typing.text == "layer = 2"


async def test_the_prompt_names_what_the_index_lacks(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", "slash")
        await typed(pilot, "cos_in_out < 0\r")
        typing = screen(app).typing
        assert typing is not None
        assert "nothing of the model's weights" in typing.error
        said = " ".join(foot_lines(app))  # the whole error, in as many lines as needed
        assert "gluscope index --weights-only MODEL --db " in said
        assert said.endswith("adds it, then ctrl+r")
        assert len(lines(app)) == 24 - 1 - len(foot_lines(app)) - 1
        await press(pilot, "escape")
        assert "of 160" in headline(app)
        assert not screen(app)._table.stale


@pytest.mark.slow
async def test_columns_are_chosen_from_a_menu(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L", "c")
        assert isinstance(app.screen, ChoiceScreen)
        await typed(pilot, "mean_in_nn\r")
        await press(pilot, "ctrl+u")
        await typed(pilot, "frequency_pp\r")
        await press(pilot, "escape", "escape")
        assert isinstance(app.screen, HomeScreen)
        await press(pilot, "L")
        columns = screen(app)._table.columns
        assert columns[0] == "neuron"
        assert columns[-1] == "mean_in_nn"
        assert "frequency_pp" not in columns


@pytest.mark.slow
@pytest.mark.parametrize("key", ["S", "c"])
async def test_the_menus_of_columns_find_a_quadrant_by_its_signs(explorer_app: AppMaker, key: str) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", key)
        await typed(pilot, "mean_act_-+\r")
        await press(pilot, *(["escape"] if key == "c" else []))
        table = screen(app)._table
        assert (table.shown.sort if key == "S" else table.columns[-1]) == "mean_act_np"


@pytest.mark.slow
async def test_the_table_follows_the_signs_of_home(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L", "l", "s", "q", "f", "L")
        assert screen(app)._table.shown.signs == "raw"
        expected = all_by(hostile_index, "frequency_pp", descending=True, signs="raw")
        assert expected != all_by(hostile_index, "frequency_pp", descending=True)
        await press(pilot, "home")
        assert [row[0] for row in rows(app)] == expected[: len(rows(app))]


@pytest.mark.slow
async def test_a_list_is_sorted_in_place_and_holds_the_same_neurons(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "S")
        await typed(pilot, "extreme_post_nn smallest\r")
        order = all_by(hostile_index, "extreme_post_nn", descending=False)
        expected = [neuron for neuron in order if neuron.startswith("L1N")]
        explorer = state_of(app)
        assert list(map(str, explorer.current.neurons)) == expected
        assert here(app) == "L1N5"
        assert "in layer, by extreme_post_nn up" in header_text(app)
        await press(pilot, "S")
        await typed(pilot, "order of the index\r")
        assert list(map(str, explorer.current.neurons)) == [f"L1N{index}" for index in range(40)]
        await typed(pilot, "m\rgL3N7\rm\rgL0N2\rm\r")
        await press(pilot, "M", "enter", "S")
        await typed(pilot, "frequency_pp down\r")
        by_frequency = all_by(hostile_index, "frequency_pp", descending=True)
        expected = [neuron for neuron in by_frequency if neuron in ("L1N5", "L3N7", "L0N2")]
        assert list(map(str, explorer.current.neurons)) == expected
        assert "marks, by frequency_pp down" in header_text(app)


@pytest.mark.slow
async def test_clicks_move_sort_and_open(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L")
        column = lines(app)[1].index("--")
        await pilot.click(Table, offset=(column, 1))
        await settled(pilot)
        expected = all_by(hostile_index, "frequency_nn", descending=True)
        assert rows(app)[0][0] == expected[0]
        await pilot.click(Table, offset=(2, 5))
        await settled(pilot)
        assert screen(app).view.place == 3
        await pilot.click(Table, offset=(2, 4), times=2)
        await settled(pilot)
        assert here(app) == expected[2]


async def test_the_command_of_a_table_is_copied(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", "slash")
        await typed(pilot, "layer = 1\r")
        await press(pilot, "l", "s", "minus", "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert copied.startswith("gluscope neurons --columns neuron,layer,frequency_pp,")  # what it filters by first
        assert "--where 'layer = 1' --sort layer --ascending --db " in copied


@pytest.mark.slow
async def test_a_table_can_be_left_while_its_rows_are_read(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("L", "l", "s", "q", "j", "L", "r", "s", "c", "escape", "q", "j")
        await settled(pilot)
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == "L1N7"
        assert not home_of(app).explorer.stale


@pytest.mark.slow
async def test_a_table_is_sorted_by_magnitude_and_tab_completes_its_condition(
    explorer_app: AppMaker, weighted_index: Path, state_home: Path
) -> None:
    with indexer.open(weighted_index) as index:
        values: dict[str, float] = dict(index.rows(("neuron", "cos_in_out")))
    by_size = sorted((name for name in values if values[name] is not None), key=lambda name: -abs(values[name]))
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(200, 40)) as pilot:
        await press(pilot, "L", *"l" * 9)
        assert screen(app)._table.column == "cos_in_out"
        await press(pilot, "vertical_line")
        assert "by |cos_in_out| down" in headline(app)
        sizes = [abs(values[row[0]]) for row in rows(app)]
        assert sizes == [abs(values[name]) for name in by_size[: len(sizes)]]
        await press(pilot, "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert "--limit 0 --sort 'abs(cos_in_out)' --db" in copied
        await press(pilot, "vertical_line")
        assert "by cos_in_out down" in headline(app)
        await typed(pilot, "/layer = 1 and rw_class = 'conditional w")
        await press(pilot, "tab", "enter")
        assert "rw_class = 'conditional weakening'" in headline(app)
        await press(pilot, "slash")
        typing = screen(app).typing
        assert typing is not None
        assert typing.selected
        await typed(pilot, "frequency_-+ > 0.2\r")
        with indexer.open(weighted_index) as index:
            assert screen(app).total == index.count("frequency_np > 0.2") > 0


@pytest.mark.slow
async def test_more_columns_to_the_side_are_told(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L")
        assert lines(app)[1].rstrip().endswith("›")
        await press(pilot, *"l" * 8)
        assert lines(app)[1].rstrip()[-1] in "‹›"
        await press(pilot, *"l" * 8)
        assert lines(app)[1].rstrip().endswith("‹")
