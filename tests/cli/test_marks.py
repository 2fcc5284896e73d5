"""`gluscope marks`: lists, filters, adds, removes, imports and reports; what it prints can be read back."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.kept.files import index_folder
from indexer.database.reader import Index
from tests.support.hostile import harmful
from tests.support.index_fixture import Truth, make_index

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=2, width=24)


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def told(capsys: Capture, truth: Truth, *arguments: str, code: int = 0) -> str:
    """The stdout of `gluscope marks`."""
    assert run(["marks", *arguments, "--db", str(truth.path)]) == code
    return capsys.readouterr().out


@pytest.mark.slow
def test_marks_are_added_listed_filtered_and_removed(truth: Truth, capsys: Capture) -> None:
    told(capsys, truth, "add", "L0N1", "1.2", "--note", "says France #geo", "-t", "eu")
    told(capsys, truth, "add", "L1N2", "-q", "-+", "--note", "Ireland")
    rows = [line.split("\t") for line in told(capsys, truth).splitlines()]
    assert [row[:4] for row in rows] == [
        ["L0N1", "", "says France", "geo eu"],
        ["L1N2", "", "says France", "geo eu"],
        ["L1N2", "-+", "Ireland", ""],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[4]) for row in rows)
    for filters, found in (
        (["-t", "geo"], "L0N1 L1N2"),
        (["-t", "GEO,eu"], "L0N1 L1N2"),
        (["-t", "geo", "-t", "#eu", "-w", "layer = 1"], "L1N2"),
        (["-q", "-+"], "L1N2"),
        (["--find", "france #geo"], "L0N1 L1N2"),
    ):
        listed = [json.loads(line) for line in told(capsys, truth, *filters, "-f", "jsonl").splitlines()]
        assert [mark["neuron"] for mark in listed] == found.split()
    assert list(listed[0]) == ["neuron", "quadrant", "note", "tags", "date"]
    assert listed[0]["quadrant"] is None
    assert told(capsys, truth, "-t", "none", code=1) == ""
    told(capsys, truth, "remove", "L1N2", "-q", "-+")
    assert len(told(capsys, truth).splitlines()) == 2
    told(capsys, truth, "remove", "L1N2")
    told(capsys, truth, "remove", "L1N2", code=1)
    assert told(capsys, truth).startswith("L0N1\t")


@pytest.mark.slow
def test_adding_to_a_mark_keeps_its_note_and_tags(truth: Truth, capsys: Capture) -> None:
    for arguments, said, note, tags in (
        (["--note", "precious #a", "-t", "b"], ["1 mark kept"], "precious", "a b"),
        (["-t", "new", "-t", "a"], ["1 mark changed"], "precious", "a b new"),
        (["--note", "#c"], ["1 mark changed"], "precious", "a b new c"),
        ([], ["1 mark stays as it was"], "precious", "a b new c"),
        (
            ["L0N2", "--note", "other"],
            ["1 mark kept", "1 mark changed", "replaced: L0N1  precious #a #b #new #c"],
            "other",
            "a b new c",
        ),
        (["--note", ""], ["1 mark changed", "replaced: L0N1  other #a #b #new #c"], "", "a b new c"),
    ):
        assert run(["marks", "add", "L0N1", *arguments, "--db", str(truth.path)]) == 0
        assert [line.split(" in /")[0] for line in capsys.readouterr().err.splitlines()] == said
        assert told(capsys, truth).splitlines()[0].split("\t")[2:4] == [note, tags]


def test_what_is_printed_is_imported_again(
    truth: Truth, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(capsys, truth, "add", "L0N1", "--note", "a #x")
    told(capsys, truth, "add", "L1N2", "-q", "+-", "-q", "++", "--note", "b")
    for form in ("tsv", "jsonl"):
        printed = told(capsys, truth, "-f", form)
        marks = index_folder(truth.path) / "marks.tsv"
        marks.unlink()
        (tmp_path / "file").write_text(printed)
        told(capsys, truth, "import", str(tmp_path / "file"))
        assert told(capsys, truth, "-f", form) == printed
    (tmp_path / "file").write_text("L0N1\t\tother\nL1N2\t\tnew\nnothing\n")
    told(capsys, truth, "import", str(tmp_path / "file"), code=2)
    notes = {
        line.split("\t")[0]: line.split("\t")[2] for line in told(capsys, truth, "-q", "++", "-q", "+-").splitlines()
    }
    assert notes == {"L1N2": "b"}
    assert "L0N1\t\ta\tx\t" in told(capsys, truth)
    told(capsys, truth, "import", "--replace", str(tmp_path / "file"), code=2)
    assert "L0N1\t\tother\t\t" in told(capsys, truth)
    monkeypatch.setattr(sys, "stdin", io.StringIO("L0N5 -+\n# c\nL0N6\n"))
    told(capsys, truth, "add", "-", "--note", "from a pipe")
    assert "L0N5\t-+\tfrom a pipe" in told(capsys, truth)


def test_lines_of_the_file_that_are_not_marks_are_told(truth: Truth, capsys: Capture) -> None:
    told(capsys, truth, "add", "L0N1", "-t", "a,b")
    marks = index_folder(truth.path) / "marks.tsv"
    marks.write_text(marks.read_text() + "L0 N2\t\x1b[31mred\nL0N3 -+ typed by hand #a\n")
    assert run(["marks", "-t", "A", "--db", str(truth.path)]) == 0
    out, err = capsys.readouterr()
    assert [line.split("\t")[:4] for line in out.splitlines()] == [
        ["L0N1", "", "", "a b"],
        ["L0N3", "-+", "typed by hand", "a"],
    ]
    assert err.startswith(f"line 3 of {marks} is not a mark: 'L0 N2")
    assert not any(map(harmful, err.splitlines()))


def test_an_import_says_what_it_took_and_what_was_there(truth: Truth, capsys: Capture, tmp_path: Path) -> None:
    told(capsys, truth, "add", "L0N1", "L0N2", "--note", "mine")
    (tmp_path / "others.tsv").write_text("L0N1\t\tmine\nL0N2\t\ttheirs\nL0N3\nL0N4\t\tnew\n")
    arguments = ["marks", "import", str(tmp_path / "others.tsv"), "--db", str(truth.path)]
    for counts in ("2 marks taken", "0 marks taken"):
        assert run(arguments) == 0
        taken, stayed = capsys.readouterr().err.splitlines()
        assert taken.startswith(f"{counts} from ")
        assert stayed == "1 mark with another note stays as it is: --replace takes what is imported"
    assert [line.split("\t")[2] for line in told(capsys, truth).splitlines()] == ["mine", "mine", "", "new"]


def test_neurons_that_the_index_lacks_are_left_out(truth: Truth, capsys: Capture, tmp_path: Path) -> None:
    lacking = [f"L0N{index}" for index in range(24, 30)] + ["L99N2"]
    (tmp_path / "others.tsv").write_text("\n".join(["L0N1\t\tmine", *lacking]))
    arguments = ["marks", "import", str(tmp_path / "others.tsv"), "--db", str(truth.path)]
    assert run(arguments) == 2
    err = capsys.readouterr().err.splitlines()
    assert err == [
        f"7 marks of {tmp_path}/others.tsv left out, whose neurons this index lacks: "
        "L0N24, L0N25, L0N26, L0N27, L0N28 and 2 more",
        f"1 mark taken from {tmp_path}/others.tsv",
    ]
    assert [line.split("\t")[0] for line in told(capsys, truth).splitlines()] == ["L0N1"]
    marks = index_folder(truth.path) / "marks.tsv"
    marks.write_text(marks.read_text() + "L99N2\t\tof another index\n")
    assert told(capsys, truth, "-f", "md").startswith("# 1 mark in `a.db`\n")
    marks.write_text("L99N2\n")
    assert told(capsys, truth, "-f", "md", code=2) == ""


def test_the_report_has_a_section_a_mark_with_the_contexts_of_its_quadrant(truth: Truth, capsys: Capture) -> None:
    with Index(truth.path) as index:
        record = index.neuron("L0N1", rankings=("post",), limit=2)
    busiest = max(record.quadrants.values(), key=lambda quadrant: quadrant.count)
    name = busiest.quadrant.value
    told(capsys, truth, "add", "L0N1", "-q", name, "--note", "*stars* and `ticks` #geo")
    told(capsys, truth, "add", "L1N3")
    report = told(capsys, truth, "-f", "md", "-n", "2")
    first, second = report.split("\n## ")[1:]
    assert report.startswith(f"# 2 marks in `a.db`\n\n`{record.model}`; {record.tokens_corpus:,} tokens\n")
    assert first.startswith(f"L0N1 `{name}`\n\n*\\*stars\\* and \\`ticks\\`* `#geo` (")
    counts = [f"{quadrant.count:,}" for quadrant in record.quadrants.values()]
    assert re.findall(r"^\| `[+-]{2}` \| ([\d,]+) ", first, re.MULTILINE) == counts
    assert re.findall(r"^### `(..)`", first, re.MULTILINE) == [name]
    assert len(re.findall(r"^- ", first, re.MULTILINE)) == len(busiest.examples["post"]) == 2
    assert len(re.findall(r"^### ", second, re.MULTILINE)) > 1
    assert not any(map(harmful, report.splitlines()))


def test_mistakes_are_told_and_keep_the_rest(truth: Truth, capsys: Capture) -> None:
    told(capsys, truth, "add", "L0N1", "L9N9", code=2)
    assert told(capsys, truth).startswith("L0N1\t")
    for wrong in (["do"], ["list", "L0N1"], ["add"], ["remove"], ["import"], ["import", "/no/such"], ["add", "x"]):
        told(capsys, truth, *wrong, code=2)
        assert run(["marks", *wrong, "--db", str(truth.path)]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) <= 2


def test_files_that_are_not_text_are_refused_at_once(
    truth: Truth, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = io.TextIOWrapper(io.BufferedReader(Endless()))
    monkeypatch.setattr(sys, "stdin", endless)
    for name in (str(truth.path), "-"):
        assert run(["marks", "import", name, "--db", str(truth.path)]) == 2
        err = capsys.readouterr().err.splitlines()
        assert len(err) == 2
        assert "is a binary file, not text" in err[0] or "is not UTF-8 text" in err[0]
    (tmp_path / "words.txt").write_text("word\n" * 1005 + "L0N1\n")
    assert run(["marks", "import", str(tmp_path / "words.txt"), "--db", str(truth.path)]) == 2
    err = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[0] for line in err[:5]] == [f"line {number}" for number in range(1, 6)]
    assert err[5:] == ["and 1,000 more", f"1 mark taken from {tmp_path}/words.txt"]


class Endless(io.RawIOBase):
    """A binary stream whose start is enough to know it: reading on fails."""

    def __init__(self) -> None:
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        self._read += len(buffer)
        assert self._read < 100_000, "all of it is read"
        buffer[:] = bytes(len(buffer))
        return len(buffer)


def test_the_table_fits_the_terminal(truth: Truth, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told(capsys, truth, "add", "L0N1", "-q", "++", "--note", "word " * 40)
    lines = told(capsys, truth, "-f", "table").splitlines()
    assert lines[0].split() == ["neuron", "quadrant", "date", "tags", "note"]
    assert max(map(len, lines)) <= 60
