"""The notebook: a plain file that a person may edit, that keeps what others wrote, and that two writers may share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.kept import files
from gluscope_tui.kept.files import locked, write_whole
from gluscope_tui.kept.marks import HEADING, Mark, has_words, merged, parse_line, parse_tags, parse_text
from gluscope_tui.kept.marks_file import MarksFile
from gluscope_tui.kept.marks_import import read_marks
from indexer.addresses import parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant

ROOT = Path(__file__).parents[2]
ONE = parse_neuron("L1N2")


def mark(address: str, note: str = "", quadrant: Quadrant | None = None, *tags: str, date: str = "") -> Mark:
    return Mark(parse_neuron(address), note, quadrant, tags, date)


def test_a_new_file_says_what_its_columns_are(tmp_path: Path) -> None:
    file = MarksFile(tmp_path / "marks.tsv")
    file.put([mark("L1N2", "says France", Quadrant.NP, "geo", "eu", date="2026-01-02 03:04")])
    assert (tmp_path / "marks.tsv").read_text() == f"{HEADING}\nL1N2\t-+\tsays France\tgeo eu\t2026-01-02 03:04\n"
    assert HEADING == "# neuron\tquadrant\tnote\ttags\tdate"


def test_a_file_of_an_older_gluscope_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "marks.tsv"
    before = "# mine\n\n12.345\tfirst #1\nnonsense\tx\nL1N2\nL9N9\t\nL3N3\tnote\twith a tab\n"
    path.write_text(before)
    file = MarksFile(path)
    assert file.read() == (
        mark("L12N345", "first #1"),
        mark("L1N2"),
        mark("L9N9"),
        mark("L3N3", "note with a tab"),
    )
    assert path.read_text() == before  # reading changes nothing
    file.put([mark("L1N2", "second", date="d"), mark("L4N4", date="d")])
    assert path.read_text() == before.replace("L1N2\n", "L1N2\t\tsecond\t\td\n") + "L4N4\t\t\t\td\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("L5N6 -+ blanks for tabs #geo", mark("L5N6", "blanks for tabs", Quadrant.NP, "geo")),
        ("  L5N6   only a note ", mark("L5N6", "only a note")),
        ("L5N6 +-", mark("L5N6", "", Quadrant.PN)),
        ("5.6 +-", mark("L5N6", "", Quadrant.PN)),
        ("L5N6\tpn\tletters", mark("L5N6", "letters", Quadrant.PN)),
        ("L5N6\tNP", mark("L5N6", "", Quadrant.NP)),
        ("L5N6\t\u2212+\ta true minus\ta; b,#c", mark("L5N6", "a true minus", Quadrant.NP, "a", "b", "c")),
        ("L5N6\t+ -\tapart", mark("L5N6", "apart", Quadrant.PN)),
        ("L5N6 -+\tnote\twith tabs", mark("L5N6", "note with tabs", Quadrant.NP)),
    ],
)
def test_what_a_person_types_is_a_mark(line: str, expected: Mark) -> None:
    assert parse_line(line) == expected


def test_lines_that_are_meant_to_be_marks_but_are_not_are_told(tmp_path: Path) -> None:
    path = tmp_path / "marks.tsv"
    path.write_text("# c\n\nneuron\tquadrant\nL1N2\nL1 N2 -+ x\r\n3.11 was released\n \n #\n")
    assert MarksFile(path).notebook().mistakes == ((5, "L1 N2 -+ x"), (6, "3.11 was released"))
    assert MarksFile(tmp_path / "none").notebook().mistakes == ()


def test_two_changes_of_one_mark_lose_nothing_of_either() -> None:
    base = mark("L1N2", "seen", None, "a", "b")
    for theirs, mine, note, tags in (
        (None, mark("L1N2", "mine"), "mine", ""),
        (base, mark("L1N2", "mine", None, "a"), "mine", "a"),
        (mark("L1N2", "theirs", None, "a", "b"), mark("L1N2", "mine", None, "a", "b"), "theirs; mine", "a b"),
        (mark("L1N2", "theirs", None, "b", "c"), mark("L1N2", "seen", None, "a", "b", "d"), "theirs", "b c d"),
        (mark("L1N2", "same"), mark("L1N2", "same"), "same", ""),
        (mark("L1N2", ""), mark("L1N2", "mine"), "mine", ""),
    ):
        found = merged(base, theirs, mine)
        assert (found.note, " ".join(found.tags)) == (note, tags)
    found = merged(None, mark("L1N2", "theirs", None, "a"), mark("L1N2", "mine", None, "b"))
    assert (found.note, found.tags) == ("theirs; mine", ("a", "b"))


def test_marks_of_a_neuron_and_of_its_quadrants_stand_beside_each_other(tmp_path: Path) -> None:
    file = MarksFile(tmp_path / "marks.tsv")
    file.put([mark("L1N2", "whole"), mark("L1N2", "part", Quadrant.PN)])
    file.put([mark("L1N2", "other", Quadrant.PN)])
    assert [(one.quadrant, one.note) for one in file.read()] == [(None, "whole"), (Quadrant.PN, "other")]
    assert file.remove([(ONE, None), (ONE, Quadrant.NN)]) == (mark("L1N2", "whole"),)
    assert [one.note for one in file.read()] == ["other"]


def test_a_mark_is_removed_and_other_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "marks.tsv"
    path.write_text("# mine\nL1N2\ta\nnonsense\n1.3\tb\nL3N4")
    file = MarksFile(path)
    file.remove([(ONE, None)])
    assert path.read_text() == "# mine\nnonsense\n1.3\tb\nL3N4\n"
    before = path.stat().st_mtime_ns
    file.remove([(parse_neuron("L9N9"), None)])
    assert path.stat().st_mtime_ns == before


def test_what_other_people_wrote_stays(tmp_path: Path) -> None:
    """Columns after the date, comments, blank lines, line ends of Windows, mistakes, a last line that is cut."""
    path = tmp_path / "marks.tsv"
    path.write_bytes(b"# c\r\nL1N2\t++\tn\tt\td\tscore 3\tx\r\n\r\n???\t\nL3N4\t-\nL5N6\t+-\tcut no")
    file = MarksFile(path)
    assert file.read() == (
        Mark(ONE, "n", Quadrant.PP, ("t",), "d", ("score 3", "x")),
        mark("L3N4", "-"),
        mark("L5N6", "cut no", Quadrant.PN),
    )
    file.put([mark("L1N2", "new", Quadrant.PP, date="e"), mark("L7N8", date="e")])
    assert path.read_bytes() == (
        b"# c\r\nL1N2\t++\tnew\t\te\tscore 3\tx\n\r\n???\t\nL3N4\t-\nL5N6\t+-\tcut no\nL7N8\t\t\t\te\n"
    )


def test_of_several_marks_with_one_key_the_last_counts_and_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "marks.tsv"
    path.write_text("L1N2\ta\nL3N4\nL1N2\tb\n")
    file = MarksFile(path)
    assert [one.note for one in file.read()] == ["b", ""]
    file.put([mark("L1N2", "c")])
    assert path.read_text() == "L1N2\t\tc\t\t\nL3N4\n"


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(text, st.sampled_from([None, *QUADRANTS]), st.lists(text, max_size=3), text)
def test_whatever_is_noted_is_one_line_and_is_read_back(
    note: str, quadrant: Quadrant | None, tags: list[str], date: str
) -> None:
    noted, words = parse_text(f"{note} {' '.join(f'#{tag}' for tag in tags)}")
    one = Mark(ONE, noted, quadrant, words, " ".join(date.split()))
    assert len(one.line.split("\n")) == 1
    again = parse_line(one.line)
    assert again is not None
    assert (again.note, again.quadrant, again.date) == (one.note, one.quadrant, one.date)
    assert not re.search(r"\s", "".join(again.tags))
    assert parse_text(one.text) == (one.note, one.tags)


def test_words_that_begin_with_a_hash_are_tags() -> None:
    assert parse_text(" says France  #geo and #eu,#x ") == ("says France and", ("geo", "eu", "x"))
    assert parse_text("issue#5 # #,") == ("issue#5 # #,", ())
    assert parse_tags(" #a, b;c  d#e ,") == ("a", "b", "c", "d", "e")
    one = mark("L1N2", "says France", Quadrant.NP, "Geo")
    for words, found in (("#geo", 1), ("#ge", 0), ("FRANCE says", 1), ("spain", 0), ("l1n2 -+", 1), ("", 1), ("#", 1)):
        assert has_words(one, words) == bool(found), words


def test_two_processes_that_mark_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "marks.tsv"
    code = (
        "import sys; from pathlib import Path; from gluscope_tui.kept.marks import Mark; "
        "from gluscope_tui.kept.marks_file import MarksFile\n"
        "from indexer.addresses import parse_neuron\n"
        "file = MarksFile(Path(sys.argv[1])); layer = int(sys.argv[2])\n"
        "for index in range(60):\n"
        "    file.put([Mark(parse_neuron(f'L{layer}N{index}'), 'mine')])\n"
        "    if index % 3 == 0: file.remove([(parse_neuron(f'L{layer}N{index}'), None)])\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(layer)], cwd=ROOT) for layer in (1, 2)]
    assert [one.wait(60) for one in running] == [0, 0]
    found = {str(one.neuron) for one in MarksFile(path).read()}
    assert found == {f"L{layer}N{index}" for layer in (1, 2) for index in range(60) if index % 3}


def test_a_lock_that_is_never_given_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    file = MarksFile(tmp_path / "marks.tsv")
    with locked(file.path), pytest.raises(GluscopeError, match="another process is writing them"):
        file.put([mark("L1N2")])
    file.put([mark("L1N2")])
    assert len(file.read()) == 1


def test_links_to_one_notebook_share_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    book = tmp_path / "book" / "notes.tsv"
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "marks.tsv").symlink_to(book)
    one, other = (MarksFile(tmp_path / name / "marks.tsv") for name in ("one", "other"))
    with locked(one.path), pytest.raises(GluscopeError, match="another process is writing them"):
        other.put([mark("L1N2")])
    other.put([mark("L1N2")])
    assert one.read() == MarksFile(book).read() != ()


def test_a_link_stays_a_link_and_the_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    real = tmp_path / "book" / "notes.tsv"
    real.write_text("L1N2\n")
    real.chmod(0o640)
    (tmp_path / "marks.tsv").symlink_to(real)
    MarksFile(tmp_path / "marks.tsv").put([mark("L3N4")])
    assert (tmp_path / "marks.tsv").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.read_text().startswith("L1N2\nL3N4\t")
    write_whole(tmp_path / "new", "x")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".new")]


def test_unreadable_or_unwritable_marks_are_reported(tmp_path: Path) -> None:
    (tmp_path / "marks.tsv").mkdir()
    with pytest.raises(GluscopeError, match="can't be read"):
        MarksFile(tmp_path / "marks.tsv").read()
    (tmp_path / "file").write_text("")
    with pytest.raises(GluscopeError, match=r"file/marks\.tsv"):
        MarksFile(tmp_path / "file" / "marks.tsv").put([mark("L1N2")])


def test_marks_of_others_are_read_from_tables_json_and_lists() -> None:
    table = read_marks(["score,Neuron,note,tags\n", '3,L1N2,"a, b","x,y"\n', ",12.345,,\n", "1,nothing,n,\n"])
    assert table.marks == (mark("L1N2", "a, b", None, "x", "y"), mark("L12N345"))
    assert table.unknown == ("score",)
    assert [number for number, _ in table.refused] == [4]
    lines = read_marks(
        [
            '{"neuron": "L1N2", "quadrant": "-+", "note": "n", "tags": ["a b", "#c"], "date": "d", "by": "me"}',
            '{"neuron": 3}',
            "[1",
            '{"neuron": "L1N3", "tags": 4}',
            '{"neuron": "L1N4", "quadrant": "up"}',
        ]
    )
    assert lines.marks == (mark("L1N2", "n", Quadrant.NP, "a-b", "c", date="d"),)
    assert lines.unknown == ("by",)
    assert [number for number, _ in lines.refused] == [2, 3, 4, 5]
    own = read_marks([HEADING, "L1N2\t--\tnote\tt\td", "", "# c", "L3N4 +-", "L5N6\told note"])
    assert own.marks == (
        mark("L1N2", "note", Quadrant.NN, "t", date="d"),
        mark("L3N4", "", Quadrant.PN),
        mark("L5N6", "old note"),
    )
    assert not own.refused
