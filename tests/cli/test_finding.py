"""gluscope neurons, search, layers and plot: every format tells the same, and exit codes say what happened."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.cli.columns import complete
from gluscope_tui.text.cells import cell_len
from gluscope_tui.views.numbers import float32
from indexer.database.format.columns import COLUMNS
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant, parse_quadrant
from indexer.run.folder import hold
from tests.support.hostile import harmful
from tests.support.index_fixture import Truth, make_index

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=2, width=24)


def told(capsys: Capture, truth: Truth, *arguments: str, code: int = 0) -> str:
    """The stdout of a command."""
    assert run([*arguments, "--db", str(truth.path)]) == code
    return capsys.readouterr().out


@pytest.mark.slow
def test_neurons_agree_in_every_format(truth: Truth, capsys: Capture) -> None:
    asked = (
        "neurons",
        "--sort",
        "extreme_post_np",
        "-w",
        "layer = 1",
        "-n",
        "7",
        "-c",
        "neuron,flipped,mean_post_np,count_pp",
    )
    listed = json.loads(told(capsys, truth, *asked, "-f", "json"))
    with Index(truth.path) as index:
        names = ["neuron", "flipped", "mean_post_np", "count_pp"]
        rows = list(index.rows(names, where="layer=1", sort="extreme_post_np", limit=7))
    assert [(r["neuron"], r["count_pp"]) for r in listed] == [(row[0], row[3]) for row in rows]
    assert [r["flipped"] for r in listed] == [bool(row[1]) for row in rows]
    assert [r["mean_post_np"] for r in listed] == [float32(row[2]) for row in rows]
    assert [json.loads(line) for line in told(capsys, truth, *asked, "-f", "jsonl").splitlines()] == listed
    plain = [line.split("\t") for line in told(capsys, truth, *asked).splitlines()]  # in a pipe
    assert [cells[0] for cells in plain] == [r["neuron"] for r in listed]
    assert [float32(float(cells[2])) if cells[2] else None for cells in plain] == [r["mean_post_np"] for r in listed]
    spread = list(csv.reader(io.StringIO(told(capsys, truth, *asked, "-f", "csv"))))
    assert spread == [names, *plain]
    table = told(capsys, truth, *asked, "-f", "table").splitlines()
    assert [line.split()[0] for line in table[-7:]] == [r["neuron"] for r in listed]


@pytest.mark.slow
def test_the_usual_table_has_what_is_sorted_and_filtered_by_and_fits(truth: Truth, capsys: Capture) -> None:
    lines = told(capsys, truth, "neurons", "-w", "zero < 1000", "--sort", "dot_gate_in", "-f", "table").splitlines()
    assert len(lines) == 23
    assert lines[2].split()[:3] == ["neuron", "in", "zero"]  # dot gate in, a word a line
    assert max(map(len, lines)) <= 80
    every = told(capsys, truth, "neurons", "-n", "0", "-c", "all", "-f", "csv").splitlines()
    assert len(every) == 49
    assert every[0].split(",") == [name for name, column in COLUMNS.items() if column.table not in ("w", "v")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("neurons", "-w", "layer > 7"), 1, "no neuron meets the condition"),
        (("neurons", "-w", "lyer > 7"), 2, "did you mean layer?"),
        (("neurons", "--sort", "extreme"), 2, "there is no column extreme"),
        (("neurons", "-c", " , "), 2, "--columns names no column"),
        (("neurons", "-c", "neuron,frequency"), 2, "did you mean frequency_"),
        (("neurons", "-c", "layer,abs(index)"), 2, "'abs(index)' is not a column, and arithmetic is not possible here"),
        (("neurons", "-c", "cos_in_out"), 2, "--weights-only"),
        (("search", "zebra"), 1, "no neuron peaks on this token"),
        (("search", "zebra", "--in", "context"), 1, "no context holds this text"),
        (("search",), 2, "no text to search for"),
        (("search", "the", "-q", "-n"), 2, "unknown quadrant '-n'"),
        (("plot", "layer", "site"), 2, "column site holds text, not numbers"),
        (("plot", "-layer", "index"), 2, "unknown option -l"),
        (("plot", "layer + 1", "index"), 2, "'layer + 1' is not a column, and arithmetic is not possible here"),
        (("plot", "layer", "frequency_gate"), 2, "did you mean frequency_gate_positive?"),
        (("plot", "layer", "index", "-w", "layer > 3"), 1, "no neuron has both values"),
        (("plot", "layer", "index", "--x-scale", "log", "-f", "rich"), 2, "use asinh instead of log"),
        (("plot", "cos_in_out", "layer"), 2, "--weights-only"),
    ],
)  # fmt: skip
def test_what_is_not_found_or_wrong_is_said_on_stderr(
    truth: Truth, capsys: Capture, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert run([*arguments, "--db", str(truth.path)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) <= 2


@pytest.mark.parametrize(
    "asked",
    [("search", "zebra"), ("search", "zebra", "--in", "context"), ("neurons", "-w", "layer > 7")],
)
def test_nothing_found_is_an_empty_list_and_no_line(truth: Truth, capsys: Capture, asked: tuple[str, ...]) -> None:
    assert told(capsys, truth, *asked, "-f", "json", code=1) == "[]\n"
    for form in ("jsonl", "plain", "table"):
        assert told(capsys, truth, *asked, "-f", form, code=1) == ""
    (head,) = csv.reader(io.StringIO(told(capsys, truth, *asked, "-f", "csv", code=1)))
    assert head[0] == "neuron"


def test_a_plot_of_nothing_is_an_object_without_points(truth: Truth, capsys: Capture) -> None:
    asked = ("plot", "layer", "index", "-w", "layer > 7")
    found = json.loads(told(capsys, truth, *asked, "-f", "json", code=1))
    assert (found["neurons"], found["without"], found["pearson"], found["spearman"]) == (0, 0, None, None)
    assert told(capsys, truth, *asked, "-f", "csv", code=1) == "neuron,layer,index\n"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (("city of France",), "found in contexts: add --in context"),
        (("FRANCE", "--exact"), "found with different case or blanks: leave out --exact"),
        (("CITY of France", "--in", "context", "--exact"), "found with different case or blanks: leave out --exact"),
        (("zebra",), ""),
        (("zebra", "--in", "context", "--exact"), ""),
    ],
)
def test_a_search_in_vain_says_where_there_is_something(
    truth: Truth, capsys: Capture, asked: tuple[str, ...], hint: str
) -> None:
    assert run(["search", *asked, "--db", str(truth.path)]) == 1
    _, *rest = capsys.readouterr().err.splitlines()
    assert [line for line in rest if "begins with" not in line] == ([hint] if hint else [])
    assert any("keeps begins with 'zebra'" in line for line in rest) == (asked[0] == "zebra")
    if hint:
        better = asked[:-1] if "--exact" in hint else (*asked, "--in", "context")
        assert told(capsys, truth, "search", *better)


def test_an_unknown_column_gives_the_names_of_all_columns(truth: Truth, capsys: Capture) -> None:
    for arguments, lacks in (
        (["plot", "abs(layer)", "index"], ()),
        (["neurons", "-c", "xyzzy"], ()),
        (["plot", "neuron", "index"], ("neuron", "site", "rw_class")),
    ):
        assert run([*arguments, "--db", str(truth.path)]) == 2
        fix = capsys.readouterr().err.splitlines()[1]
        words, _, rest = fix.partition(", with ")
        assert rest == "X gate, in, act or post and Q pp, pn, np or nn"
        named = set()
        for word in re.findall(r"[a-zQX_]+$|[a-zQX_]+(?=,)", words):
            for quantity in ("gate", "in", "act", "post"):
                for quadrant in ("pp", "pn", "np", "nn"):
                    named.add(word.replace("_X_", f"_{quantity}_").replace("_Q", f"_{quadrant}"))
        assert named == COLUMNS.keys() - set(lacks)


def test_hits_agree_in_every_format(truth: Truth, capsys: Capture) -> None:
    asked = ("search", "the", "-n", "2", "-q", "+-", "-q=--")
    listed = json.loads(told(capsys, truth, *asked, "-f", "json"))
    assert [hit["quadrant"] for hit in listed] == ["+-", "+-", "--", "--"]
    assert all(hit["tokens"][hit["peak"]].strip().lower() == "the" for hit in listed)
    assert [json.loads(line) for line in told(capsys, truth, *asked, "-f", "jsonl").splitlines()] == listed
    plain = [line.split("\t") for line in told(capsys, truth, *asked).splitlines()]
    for cells, hit in zip(plain, listed, strict=True):
        assert cells[:4] == [hit["neuron"], hit["quadrant"], hit["ranking"], str(hit["rank"])]
        assert float32(float(cells[4])) == hit["value"]
        assert cells[5:8] == [str(hit[key]) for key in ("document", "part", "position")]
        assert "the»" in cells[8].lower()
    head, *spread = list(csv.reader(io.StringIO(told(capsys, truth, *asked, "-f", "csv"))))
    assert head.pop(2) == "strength"
    strengths = [cells.pop(2) for cells in spread]
    assert [round(float(strength), 2) for strength in strengths] == [round(hit["strength"], 2) for hit in listed]
    assert [[*cells, strength] for cells, strength in zip(spread, strengths, strict=True)] == plain
    assert dict(zip(head, spread[0], strict=True))["text"] == plain[0][8]
    table = told(capsys, truth, *asked, "-f", "table").splitlines()
    names = [hit["neuron"] for hit in listed]
    assert [line.split()[0] for line in table if line] == ["+-", *names[:2], "--", *names[2:]]
    assert max(map(len, table)) <= 80


@pytest.mark.parametrize("columns", ["60", "80", "200"])
@pytest.mark.parametrize("text", ["city of France", "again", "日本語", "THE  capital"])
def test_a_text_that_was_found_in_a_context_is_seen(
    truth: Truth, capsys: Capture, monkeypatch: pytest.MonkeyPatch, text: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    asked = ("search", text, "--in", "context", "-f", "table", "-n", "4", "--color", "none")
    lines = [line for line in told(capsys, truth, *asked).splitlines() if "  " in line]
    assert len(lines) > 4
    for line in lines:
        bare = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert " ".join(text.lower().split()) in bare.lower().replace("↵", " ")
        assert cell_len(bare) <= int(columns)


def test_a_table_of_neurons_is_shaded_by_share_and_sign_and_only_on_request(
    truth: Truth, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLORTERM", "NO_COLOR", "COLORFGBG"):
        monkeypatch.delenv(name, raising=False)
    asked = ("neurons", "-c", "neuron,frequency_pp,index", "--sort", "frequency_pp", "-n", "0", "-f", "table")
    plain = told(capsys, truth, *asked)
    assert "\x1b" not in plain + told(capsys, truth, *asked, "--color", "never")
    attributes = told(capsys, truth, *asked, "--color", "none")
    assert set(re.findall(r"\x1b\[([\d;]*)m", attributes)) == {"0", "1"}
    coloured = told(capsys, truth, *asked, "--color", "always")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    shades = [re.search(r"48;5;(\d+)m", line) for line in coloured.splitlines()[-48:]]
    found = [None if shade is None else int(shade[1]) for shade in shades]
    assert found == sorted(found, key=lambda number: -1 if number is None else number, reverse=True)
    assert found[0] is not None
    assert found[-1] is None  # a neuron that visits no quadrant
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert set(re.findall(r"\x1b\[([\d;]*)m", told(capsys, truth, *asked))) == {"0", "1"}


def test_layers_agree_in_every_format(truth: Truth, capsys: Capture) -> None:
    listed = json.loads(told(capsys, truth, "layers", "-f", "json"))
    with Index(truth.path) as index:
        for layer, row in zip(index.layers(), listed, strict=True):
            assert row["site"] == layer.site.name
            assert row["frequency_np"] == pytest.approx(layer.frequency[Quadrant.NP], rel=1e-7)
            assert float32(row["frequency_gate_positive"]) == float32(layer.gate_positive)
            assert len(str(row["frequency_gate_positive"])) <= len("0.123456789")
            assert row["never_pn"] == layer.never[Quadrant.PN]
            assert row["weakening"] is None
    spread = list(csv.DictReader(io.StringIO(told(capsys, truth, "layers", "-f", "csv"))))
    assert [{key: None if value is None else str(value) for key, value in row.items()} for row in listed] == [
        {key: value or None for key, value in row.items()} for row in spread
    ]
    assert [line.split("\t")[0] for line in told(capsys, truth, "layers").splitlines()] == ["L0", "L1"]
    table = told(capsys, truth, "layers", "-f", "table").splitlines()
    assert table[1].split() == ["site", "neurons", "++", "+-", "-+", "--", ">", "0"]
    assert table[2].split()[1:] == ["24", *(f"{100 * listed[0][name]:.1f}" for name in list(listed[0])[2:7])]
    assert "\x1b[" in told(capsys, truth, "layers", "-f", "table", "--color", "256")


def test_a_table_of_layers_says_which_columns_have_no_room(
    truth: Truth, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "22")
    assert run(["layers", "-f", "table", "--db", str(truth.path)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["site", "neurons", "++", "+-"]
    assert "frequency_np, frequency_nn, frequency_gate_positive: no room" in printed.err
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["layers", "-f", "table", "--db", str(truth.path)]) == 0
    assert "no room" not in capsys.readouterr().err


def test_a_plot_agrees_in_every_format(truth: Truth, capsys: Capture) -> None:
    asked = ("plot", "dot_gate_in", "frequency_gate_positive", "-w", "index > 3")
    found = json.loads(told(capsys, truth, *asked, "-f", "json"))
    assert (found["x"], found["y"], found["neurons"], found["without"]) == (
        "dot_gate_in",
        "frequency_gate_positive",
        40,
        0,
    )
    fields = told(capsys, truth, *asked).rstrip("\n").split("\t")
    assert fields == ["dot_gate_in", "frequency_gate_positive", "40", str(found["pearson"]), str(found["spearman"])]
    points = list(csv.reader(io.StringIO(told(capsys, truth, *asked, "-f", "csv"))))
    assert points[0] == ["neuron", "dot_gate_in", "frequency_gate_positive"]
    assert len(points) == 41
    picture = told(capsys, truth, *asked, "-f", "rich", "--height", "9", "--width", "50").splitlines()
    assert picture[0].startswith("frequency_gate_positive over dot_gate_in (asinh), 40 neurons")
    assert len(picture) == 11
    assert picture[-1] == f"Pearson {found['pearson']:+.3f}  Spearman {found['spearman']:+.3f}"
    assert told(capsys, truth, *asked, "-f", "rich", "--ascii").isascii()


@pytest.mark.slow
def test_nothing_harmful_from_the_corpus_is_printed(truth: Truth, capsys: Capture) -> None:
    for text in ("\x1b[31m", "\x1b]52;c;aGk=\x07", "the"):
        for where in ("peak", "context"):
            for form in ("plain", "csv", "table"):
                run(["search", text, "--in", where, "-n", "0", "-f", form, "--db", str(truth.path)])
                assert not harmful(capsys.readouterr().out.replace("\n", "").replace("\t", ""))


def test_an_older_index_is_built_on_by_the_command(tmp_path: Path, capsys: Capture) -> None:
    import sqlite3

    truth = make_index(tmp_path / "a.db", layers=1, width=6, documents=10)
    sqlite = sqlite3.connect(truth.path)
    for table in ("peaks", "contexts", "words"):
        sqlite.execute(f"DROP TABLE {table}")
    sqlite.commit()
    sqlite.close()
    assert run(["search", "the", "--db", str(truth.path)]) == 2
    assert "gluscope search --build" in capsys.readouterr().err
    assert run(["search", "--build", "--db", str(truth.path)]) == 0
    assert "can be searched" in capsys.readouterr().err
    assert told(capsys, truth, "search", "the")


@pytest.mark.slow
def test_a_copy_that_a_killed_build_left_is_named_until_the_next_one(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=6, documents=10)
    code = (
        "import os, sys\n"
        "from indexer.database.bulk import add_search\n"
        "from indexer.jobs import build_search\n"
        "build_search.add_search = lambda *_: os.kill(os.getpid(), 9)\n"
        "from pathlib import Path\n"
        "build_search.build_search(Path(sys.argv[1]), lambda _: None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(truth.path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    folder = tmp_path / "a.db.run"
    assert (folder / "index.db").exists()
    for command in (["info", str(truth.path)], ["info", "-f", "json", "--db", str(truth.path)]):
        assert run(command) == 0
        err = capsys.readouterr().err.splitlines()
        assert err[0].startswith(f"{folder} holds a copy of ")
        assert "the same command again removes it" in err[1]
    assert run(["doctor", "--db", str(truth.path)]) == 0
    assert f"{folder}, a copy of" in capsys.readouterr().out
    with hold(folder, lambda _: None):  # a build that is under way leaves nothing
        assert run(["info", str(truth.path)]) == 0
        assert capsys.readouterr().err == ""
    monkeypatch.undo()
    assert run(["search", "--build", "--db", str(truth.path)]) == 0
    capsys.readouterr()
    assert not folder.exists()
    assert run(["info", str(truth.path)]) == 0
    assert capsys.readouterr().err == ""


def test_columns_are_completed_wherever_they_are_written() -> None:
    assert complete("frequency_g") == ["frequency_gate_positive"]
    assert complete("neuron,rw") == ["neuron,rw_class"]
    assert complete("layer > 3 and (cos_i") == ["layer > 3 and (cos_in_out"]
    assert set(complete("")) == COLUMNS.keys()
    assert complete("layer > 3") == []


@pytest.mark.slow
def test_finding_imports_nothing_heavy(truth: Truth) -> None:
    heavy = "{'torch', 'transformers', 'numpy', 'sqlite_utils', 'textual', 'datasets'}"
    for arguments in (
        ["neurons", "--sort", "layer"],
        ["search", "the"],
        ["search", "the", "--in", "context"],
        ["layers", "-f", "table"],
        ["plot", "layer", "index", "-f", "rich"],
    ):
        code = (
            f"import sys; from gluscope_tui.cli.app import run; code = run({[*arguments, '--db', str(truth.path)]!r})\n"
            f"assert not code, code; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_a_quadrant_is_two_signs_or_two_letters() -> None:
    assert [parse_quadrant(text) for text in ("+-", "pn", "PN", " np ")] == [Quadrant.PN] * 3 + [Quadrant.NP]
    for text in ("-n", "p-", "+", "--n", "", "pp pp"):
        with pytest.raises(GluscopeError, match="unknown quadrant"):
            parse_quadrant(text)


@pytest.mark.parametrize(
    ("arguments", "cause", "fix"),
    [
        (["show", "L0N1", "-n", "x"], "--limit takes a whole number", "write --limit 20"),
        (["show", "L0N1", "-f", "xml"], "--format: invalid value 'xml'", "use rich, plain, json, jsonl, md, html, svg"),
        (["show", "L0N1", "-n", "-5"], "--limit is too small", "give 0 or more"),
        (["show", "L0N1", "-n", "9" * 20], "--limit is too large", "give 1000000000 or less"),
        (["search", "the", "-n", "9" * 20], "--limit is too large", "give 1000000000 or less"),
        (["plot", "layer", "index", "--width", "9" * 20], "--width is too large", "give 10000 or less"),
        (["show"], "NEURON... is missing", "see gluscope show --help"),
        (["show", "L0N1", "--limt", "3"], "unknown option --limt", "did you mean --limit?"),
        (["show", "L0N1", "-n"], "-n needs a value", "see gluscope show --help"),
        (["shwo", "L0N1"], "unknown command 'shwo'", "did you mean show?"),
        (["info", "a", "b"], "unexpected argument: b", "see gluscope info --help"),
        (["tui", "L0N1", "L0N2"], "unexpected argument: 'L0N2'", "name a neuron once: gluscope tui L12N345 FILE"),
        (["tui", "a.db", "b.db"], "unexpected argument: 'b.db'", "name an index once: gluscope tui L12N345 FILE"),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_is_reported_as_everything_is(
    capsys: Capture, arguments: list[str], cause: str, fix: str
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err == f"error: {cause}\n{fix}\n"


def test_a_bad_address_from_stdin_is_reported_with_its_line(
    truth: Truth, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("L0N1\n# a comment\n\nFrance 3\nL0N2\n"))
    assert run(["show", "-", "-n", "0", "--db", str(truth.path)]) == 2
    out, err = capsys.readouterr()
    assert {line.split("\t")[0] for line in out.splitlines()} == {"L0N1", "L0N2"}
    assert err.splitlines()[0] == "error: line 4 of stdin: 'France' is not a neuron address"


@pytest.mark.parametrize("command", ["index", "show", "tui", "merge", "bench", "search", "plot", "neurons"])
def test_help_names_no_types_of_python(command: str, capsys: Capture) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    for type_ in ("<str>", "<path>", "list[", "<Path>", "{", "......"):
        assert type_ not in text
