"""Two explorers that mark the same neuron while both prompts are open: what either noted is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.kept.marks import Key, Mark
from gluscope_tui.kept.marks_file import MarksFile
from gluscope_tui.tui.session.marking import Marking
from indexer.addresses import parse_neuron
from indexer.quadrants import Quadrant

ONE: Key = (parse_neuron("L1N2"), None)
TWO: Key = (parse_neuron("L3N4"), Quadrant.NP)


@pytest.fixture
def file(tmp_path: Path) -> MarksFile:
    return MarksFile(tmp_path / "marks.tsv")


def texts(file: MarksFile) -> dict[str, str]:
    return {mark.name: mark.text for mark in file.read()}


def test_notes_typed_at_once_for_one_neuron_are_both_kept(file: MarksFile) -> None:
    here, elsewhere = (Marking(file, [ONE]) for _ in range(2))
    assert elsewhere.accept("theirs #a") == "L1N2 is marked: theirs #a"
    assert here.accept("mine #b") == "L1N2 was changed elsewhere meanwhile: theirs; mine #a #b"
    assert texts(file) == {"L1N2": "theirs; mine #a #b"}
    here, elsewhere = (Marking(file, [ONE]) for _ in range(2))
    elsewhere.accept("shorter #a #b")
    here.accept(f"{here.text} #c")
    assert texts(file) == {"L1N2": "shorter #a #b #c"}


def test_a_mark_that_was_changed_elsewhere_is_not_taken_away(file: MarksFile) -> None:
    file.put([Mark(*ONE[:1], "seen")])
    here, elsewhere = (Marking(file, [ONE]) for _ in range(2))
    elsewhere.accept("seen again")
    assert here.accept("") == "L1N2 was changed elsewhere meanwhile: seen again"
    again = Marking(file, [ONE])
    assert again.accept(again.text) == "L1N2 stays as it was marked"
    Marking(file, [TWO]).accept("")
    assert Marking(file, [TWO]).accept("") == "L3N4 -+ is no longer marked"
    unchanged, gone = Marking(file, [ONE]), Marking(file, [ONE])
    assert gone.accept("") == "L1N2 is no longer marked; before: seen again"
    assert unchanged.accept(unchanged.text) == "L1N2 is no longer marked"
    assert texts(file) == {}


def test_many_marked_at_once_keep_what_was_noted_meanwhile(file: MarksFile) -> None:
    here = Marking(file, [ONE, TWO])
    Marking(file, [TWO]).accept("theirs #a")
    assert here.accept("mine #b") == "2 neurons are marked; 1 had a mark, whose note stays"
    assert texts(file) == {"L1N2": "mine #b", "L3N4 -+": "theirs; mine #a #b"}
    both = Marking(file, [TWO, (TWO[0], None)])
    assert both.label == "note for 2 marks"
    assert both.hint.endswith("; 1 has a mark, which is added to")


def test_a_note_that_is_typed_over_is_told_once_more(file: MarksFile) -> None:
    Marking(file, [ONE]).accept("first words #aa")
    assert Marking(file, [ONE]).accept("others") == "L1N2 is marked: others; before: first words #aa"
    assert Marking(file, [ONE]).accept("") == "L1N2 is no longer marked; before: others"
