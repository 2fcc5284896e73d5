"""Marking wherever a neuron is shown, and the table of marks: sorted, filtered, edited, deleted, opened."""

from __future__ import annotations

from pathlib import Path

import pytest

import indexer
from gluscope_tui.kept.marks import Mark
from gluscope_tui.kept.marks_file import MarksFile
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.marks import MarksScreen
from gluscope_tui.tui.widgets.neuron_list import NeuronList
from indexer.addresses import parse_neuron
from indexer.quadrants import Quadrant
from tests.support.table_screens import foot, headline, lines
from tests.support.walking import AppMaker, header_text, here, home_of, press, state_of, typed


def marks_of(app: ExplorerApp) -> list[tuple[str, str]]:
    """What is marked, and its text."""
    return [(mark.name, mark.text) for mark in home_of(app).session.marks.read()]


def shown(app: ExplorerApp) -> list[str]:
    """The first word of each row of the table."""
    return [line.lstrip("▸• ").split()[0] for line in lines(app)[1:] if line.strip()]


@pytest.mark.slow
async def test_a_neuron_is_marked_wherever_it_is_shown(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "mhome #a\r")
        assert home_of(app).session.notice == "L1N5 is marked: home #a"
        assert "★ home #a" in header_text(app)
        for opening, note in (("d", "density"), ("i", "card"), ("\r", "context")):
            await typed(pilot, f"j{opening}")
            await typed(pilot, f"m{note}\r")
            assert f"L1N{5 + len(marks_of(app)) - 1} is marked: {note}" in foot(app)
            await press(pilot, "q")
        assert marks_of(app) == [("L1N5", "home #a"), ("L1N6", "density"), ("L1N7", "card"), ("L1N8", "context")]
        picture = home_of(app).query_one(NeuronList).picture
        assert picture is not None
        assert [entry.address for entry in picture.entries if entry.marked] == ["L1N5", "L1N6", "L1N7", "L1N8"]


@pytest.mark.slow
async def test_tab_chooses_the_quadrant_beginning_with_the_one_in_focus(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "m", "tab")
        await typed(pilot, "of a pane\r")
        await press(pilot, "m")  # opens at the mark there is
        typing = home_of(app).typing
        assert typing is not None
        assert (typing.label, typing.text, typing.selected) == ("note for L1N5 -+", "of a pane", True)
        await press(pilot, "tab", "tab", "tab", "tab")
        await typed(pilot, "whole\r")
        assert marks_of(app) == [("L1N5 -+", "of a pane"), ("L1N5", "whole")]
        assert "★ -+ of a pane; whole" in header_text(app)


@pytest.mark.slow
async def test_quadrants_are_marked_under_aligned_signs(explorer_app: AppMaker, hostile_index: Path) -> None:
    with indexer.open(hostile_index) as index:
        flipped = next(str(row[0]) for row in index.rows(("neuron",), where="flipped"))
        hits = {(hit.neuron, hit.quadrant) for hit in index.search("paris", limit=100)}
    app = explorer_app(flipped)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "f", "1", "m", "tab")
        await typed(pilot, "x\r")
        assert marks_of(app) == [(f"{flipped} +-", "x")]
        assert "★ ++ x" in header_text(app)  # as the panes are named now
        await typed(pilot, "Fparis\r")
        await press(pilot, "asterisk", "m")
        await typed(pilot, "hit\r")
        marked = {(mark.neuron, mark.quadrant) for mark in home_of(app).session.marks.read() if "hit" in mark.note}
        assert marked == hits


@pytest.mark.slow
async def test_selected_rows_are_marked_listed_and_named_in_a_command(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "mold #a\r")
        await press(pilot, "L")
        assert "★ old #a" in headline(app)
        assert next(line for line in lines(app) if "L1N5★" in line).rstrip().endswith(" ★ old #a")
        await press(pilot, "space", "j", "space")
        assert "★" not in headline(app)
        assert [line[0] for line in lines(app) if line[0] in "•▸"] == ["•", "•", "▸"]
        assert any("L1N5★" in line for line in lines(app))
        await typed(pilot, "mnew #b\r")
        assert "2 neurons are marked; 1 had a mark, whose note stays" in foot(app)
        assert marks_of(app) == [("L1N5", "old; new #a #b"), ("L1N7", "new #b")]
        await press(pilot, "space", "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert "--where 'neuron in ('\"'\"'L1N8'\"'\"')'" in copied
        await press(pilot, "space", "enter")
        assert list(map(str, state_of(app).current.neurons)) == ["L1N8", "L1N9"]
        assert "of all neurons" in header_text(app)


@pytest.mark.slow
async def test_the_table_of_marks_is_sorted_filtered_edited_and_emptied(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "M")
        assert "nothing is marked yet: m marks a neuron" in "\n".join(lines(app))
        assert "m mark  Del delete" in foot(app)
        for key in ("m", "delete", "enter", "space", "ctrl+y"):
            await press(pilot, key)
            assert "there is no" in foot(app) or "nothing was deleted" in foot(app), key
        await press(pilot, "q")
        notes = MarksFile(home_of(app).session.marks.path)
        for address, note, tags in (("L2N3", "beta", ("x",)), ("L1N9", "alpha", ()), ("L0N1", "gamma", ("x", "y"))):
            notes.put([Mark(parse_neuron(address), note, Quadrant.NP if note == "beta" else None, tags, "2026-01-02")])
        await press(pilot, "M")
        assert shown(app) == ["L2N3", "L1N9", "L0N1"]
        await press(pilot, "s")
        assert shown(app) == ["L0N1", "L1N9", "L2N3"]
        await press(pilot, "l", "l", "s")
        assert shown(app) == ["L1N9", "L2N3", "L0N1"]
        assert "by note up" in headline(app)
        await press(pilot, "minus")
        assert shown(app) == ["L0N1", "L2N3", "L1N9"]
        await typed(pilot, "/#x\r")
        assert shown(app) == ["L0N1", "L2N3"]
        await press(pilot, "down", "m")
        await typed(pilot, "delta #x\r")
        assert ("L2N3 -+", "delta #x") in marks_of(app)
        await press(pilot, "home", "delete")
        assert "deleted; ctrl+y brings it back" in foot(app)
        assert [name for name, _ in marks_of(app)] == ["L2N3 -+", "L1N9"]
        await press(pilot, "ctrl+y")
        assert sorted(marks_of(app)) == [("L0N1", "gamma #x #y"), ("L1N9", "alpha"), ("L2N3 -+", "delta #x")]
        await press(pilot, "asterisk", "ctrl+d")
        assert "2 marks deleted" in foot(app)
        assert marks_of(app) == [("L1N9", "alpha")]


async def test_a_mark_opens_its_quadrant_and_marks_of_other_indexes_are_told(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot)
        others = [Mark(parse_neuron(name)) for name in ("L77N1", "L0N1")]
        home_of(app).session.marks.put([Mark(parse_neuron("L2N3"), quadrant=Quadrant.NP), *others])
        await press(pilot, "M", "home", "enter")
        assert isinstance(app.screen, HomeScreen)
        assert (here(app), state_of(app).view.focused) == ("L2N3", Quadrant.NP)
        assert "1 row without a neuron of this index left out" in home_of(app).session.notice
        assert list(map(str, state_of(app).current.neurons)) == ["L2N3", "L0N1"]


@pytest.mark.slow
async def test_what_another_explorer_marked_is_there(explorer_app: AppMaker) -> None:
    one, other = explorer_app("L1N5"), explorer_app("L1N6")
    async with one.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "mfirst\r")
        async with other.run_test(size=(80, 24)) as beside:
            await typed(beside, "msecond\r")
        await press(pilot, "M")
        assert isinstance(one.screen, MarksScreen)
        assert shown(one) == ["L1N5", "L1N6"]
        await press(pilot, "q")
        MarksFile(home_of(one).session.marks.path).put([Mark(parse_neuron("L1N5"), "from a shell")])
        await press(pilot, "w")  # any key
        assert "★ from a shell" in header_text(one)


async def test_mistakes_in_the_file_are_told_and_nothing_deleted_is_lost(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot)
        file = home_of(app).session.marks
        file.put([Mark(parse_neuron("L1N5"), "mine")])
        with file.path.open("a") as marks:
            marks.write("L1 N6 a mistake\nL1N7 by hand\nand another\n")
        await press(pilot, "M")
        assert "line 3 of marks.tsv is not a mark, nor is 1 more: L1 N6 a mistake" in foot(app)
        assert shown(app) == ["L1N5", "L1N7"]
        await press(pilot, "delete")
        file.put([Mark(parse_neuron("L1N5"), "theirs")])
        await press(pilot, "ctrl+y")
        assert ("L1N5", "theirs; mine") in marks_of(app)
