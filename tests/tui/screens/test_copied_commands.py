"""`C` in a table: the copied command, run, prints just the rows that the table shows, in their order."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.kept.marks import Key
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.neurons import NeuronsScreen
from gluscope_tui.tui.screens.table import TableScreen
from tests.support.table_screens import foot
from tests.support.walking import AppMaker, press, typed


def copied(state_home: Path) -> list[str]:
    """The words of the copied command."""
    return shlex.split((state_home / "gluscope" / "copied.txt").read_text())


def printed(command: Sequence[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The first field of each row that a command prints; not while Textual has the terminal."""
    capsys.readouterr()
    assert run(command[1:]) == 0
    return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]


def neurons(app: ExplorerApp) -> list[str]:
    """Every neuron of the table, in its order, whether its row is on the screen or not."""
    screen = app.screen
    assert isinstance(screen, NeuronsScreen)
    return [str(key[0]) for key in map(screen.key_of, range(screen.total)) if key is not None]


def selected(app: ExplorerApp) -> list[Key]:
    """The selected rows of the table."""
    screen = app.screen
    assert isinstance(screen, TableScreen)
    return list(screen.selected)


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
async def test_the_command_of_the_neurons_prints_the_rows_of_the_table(
    explorer_app: AppMaker,
    weighted_index: Path,
    state_home: Path,
    capsys: pytest.CaptureFixture[str],
    signs: str,
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    found: list[tuple[list[str], list[str]]] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *(["f"] if signs == "raw" else []), "L", "slash")
        await typed(pilot, "layer = 1 and cos_in_out < 0.2\r")
        await press(pilot, "l", "l", "s", "vertical_line", "C")
        shown = neurons(app)
        assert 5 < len(shown) < 40
        found.append((copied(state_home), shown))
        await press(pilot, "space", "j", "space", "C")
        found.append((copied(state_home), [shown[0], shown[2]]))
        await press(pilot, "asterisk", "asterisk", "C")
        found.append((copied(state_home), shown))
    for command, expected in found:
        assert printed(command, capsys) == expected


@pytest.mark.slow
async def test_all_rows_selected_are_named_by_their_condition_however_many(
    explorer_app: AppMaker, state_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L", "asterisk", "C")
        assert "160 rows" in foot(app)
        command, shown = copied(state_home), neurons(app)
        await press(pilot, "space", "C")  # all but one are more than a condition may name
        assert "159 rows are too many for a command" in foot(app)
    assert printed(command, capsys) == shown


@pytest.mark.slow
async def test_other_rows_let_go_of_the_selected_ones(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L", "space", "space", "slash")
        assert len(selected(app)) == 2
        await typed(pilot, "layer = 3\r")
        assert not selected(app)
        await press(pilot, "q")
        await typed(pilot, "Ffrance\r")
        await press(pilot, "space")
        assert len(selected(app)) == 1
        await press(pilot, "tab")
        assert not selected(app)
