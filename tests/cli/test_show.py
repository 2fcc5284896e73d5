"""Promises of `gluscope show`: the formats, the options, several neurons, and what happens when something is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.views import json as json_view
from indexer.quadrants import QUADRANTS, Quadrant

from ..support.index_fixture import DEAD, Truth, make_index
from ..support.weights_fixture import with_weights


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db")


@pytest.fixture(autouse=True)
def _db(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUSCOPE_DB", str(truth.path))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLORTERM", "NO_COLOR", "COLUMNS", "COLORFGBG"):
        monkeypatch.delenv(name, raising=False)


Capture = pytest.CaptureFixture[str]


def shown(capsys: Capture, *arguments: str) -> str:
    """The output of a command that succeeds; it may print nothing on stderr."""
    assert run(["show", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: Capture, *arguments: str) -> list[str]:
    """The lines on stderr of a command that the user can mend: one or two, and nothing on stdout."""
    assert run(list(arguments)) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert 1 <= len(lines) <= 2
    assert lines[0].startswith("error: ")
    return lines


@pytest.mark.slow
def test_json_is_what_the_records_hold(capsys: Capture, truth: Truth) -> None:
    found = json.loads(shown(capsys, "L0N5", "-f", "json"))
    with indexer.open(truth.path) as index:
        assert found == json.loads(json.dumps(json_view.neuron(index.neuron("L0N5"))))
    assert set(found["quadrants"]["++"]["examples"]) == {"post", "gate", "in", "random"}
    assert len(found["quadrants"]["++"]["examples"]["post"]) > 3


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_counts_and_frequencies_match_the_values(capsys: Capture, truth: Truth, signs: str) -> None:
    found = json.loads(shown(capsys, "L0N5", "-f", "json", "--signs", signs))
    gate, in_ = (
        np.concatenate([values[row, mask, 5] for values, mask in zip(truth.values["L0"], truth.counted, strict=True)])
        for row in (0, 1)
    )
    if signs == "aligned" and found["flipped"]:
        in_ = -in_
    total = len(gate)
    for name, quadrant in found["quadrants"].items():
        inside = (np.sign(gate) == Quadrant(name).gate_sign) & (np.sign(in_) == Quadrant(name).in_sign)
        assert quadrant["count"] == inside.sum()
        assert quadrant["frequency"] == inside.sum() / total
        assert quadrant["mean"]["in"] == pytest.approx(in_[inside].astype(float).mean(), rel=1e-6)
    assert found["tokens_counted"] == total


@pytest.mark.parametrize(
    "spelling",
    [["-q", "-+"], ["-q-+"], ["-q=-+"], ["--quadrant", "-+"], ["--quadrant=-+"], ["-q", "np"], ["--quadrant=NP"]],
)
def test_a_quadrant_may_be_spelled_in_every_way(capsys: Capture, spelling: list[str]) -> None:
    for arguments in (["L0N5", *spelling], [*spelling, "L0N5"]):
        found = json.loads(shown(capsys, *arguments, "-f", "json"))
        assert list(found["quadrants"]) == ["-+"]


def test_quadrants_may_be_repeated_and_two_minus_signs_are_one_of_them(capsys: Capture) -> None:
    found = json.loads(shown(capsys, "L0N5", "-q", "--", "-q", "++", "-f", "json"))
    assert list(found["quadrants"]) == ["++", "--"]
    lines = shown(capsys, "-q", "--", "L0N5", "-f", "plain").splitlines()
    assert {line.split("\t")[1] for line in lines} == {"--"}


@pytest.mark.parametrize("spelling", ["l0n5", "L00N005", "0.5"])
def test_an_address_may_be_spelled_in_every_way(capsys: Capture, spelling: str) -> None:
    assert json.loads(shown(capsys, spelling, "-f", "json"))["neuron"] == "L0N5"


def test_scripts_get_every_ranking_without_a_limit_unless_asked(capsys: Capture) -> None:
    full = json.loads(shown(capsys, "L0N5", "-f", "json"))
    some = json.loads(shown(capsys, "L0N5", "-f", "json", "--rank-by", "gate", "-n", "2"))
    for name in some["quadrants"]:
        assert list(some["quadrants"][name]["examples"]) == ["gate"]
        kept = full["quadrants"][name]["examples"]["gate"][:2]
        assert some["quadrants"][name]["examples"]["gate"] == kept


def test_people_get_three_contexts_by_post(capsys: Capture) -> None:
    full = json.loads(shown(capsys, "L0N5", "-f", "json"))
    lines = [line.split("\t") for line in shown(capsys, "L0N5").splitlines()]  # piped: plain
    expected = [
        ["L0N5", name, "post", str(example["rank"]), *(str(example[key]) for key in ("document", "part", "position"))]
        for name, quadrant in full["quadrants"].items()
        for example in quadrant["examples"]["post"][:3]
    ]
    assert [[*fields[:4], *fields[5:8]] for fields in lines] == expected
    values = [
        example["value"] for quadrant in full["quadrants"].values() for example in quadrant["examples"]["post"][:3]
    ]
    assert [np.float32(fields[4]) for fields in lines] == [np.float32(value) for value in values]
    assert all(fields[8].count("«") >= 1 and fields[8].count("»") >= 1 for fields in lines)


def test_no_context_is_statistics_only(capsys: Capture) -> None:
    lines = [line.split("\t") for line in shown(capsys, "L0N5", "-n", "0").splitlines()]
    full = json.loads(shown(capsys, "L0N5", "-n", "0", "-f", "json"))
    assert [fields[1] for fields in lines] == [quadrant.value for quadrant in QUADRANTS]
    for fields in lines:
        quadrant = full["quadrants"][fields[1]]
        assert int(fields[2]) == quadrant["count"]
        assert float(fields[3]) == quadrant["frequency"]
        numbers = [quadrant[kind][name] for kind in ("mean", "extreme") for name in ("gate", "in", "act", "post")]
        assert [np.float32(field) for field in fields[4:]] == [np.float32(number) for number in numbers]
        assert all(examples == [] for examples in quadrant["examples"].values())
    rich = shown(capsys, "L0N5", "-n", "0", "-f", "rich")
    assert "++ by" not in rich
    assert "extreme" in rich


def test_several_neurons_are_a_list_or_lines(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(shown(capsys, "L0N1", "L1N3", "-f", "json", "-n", "1"))
    assert [neuron["neuron"] for neuron in found] == ["L0N1", "L1N3"]
    lines = shown(capsys, "L0N1", "L1N3", "-f", "jsonl", "-n", "1").splitlines()
    assert [json.loads(line) for line in lines] == found
    assert isinstance(json.loads(shown(capsys, "L0N1", "-f", "json")), dict)
    monkeypatch.setattr("sys.stdin", io.StringIO("L0N1\n"))
    assert [neuron["neuron"] for neuron in json.loads(shown(capsys, "-", "-f", "json"))] == ["L0N1"]
    markdown = shown(capsys, "L0N1", "L1N3", "-f", "md")
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == ["## L0N1", "## L1N3"]


def test_addresses_come_from_stdin_and_a_bad_one_spoils_no_other(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "L0N1\ta note\n\n# a comment\nL9N1\nnonsense more\n 1.3 0.5\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert run(["show", "-", "-f", "json", "-n", "0"]) == 2
    out, err = capsys.readouterr()
    assert [neuron["neuron"] for neuron in json.loads(out)] == ["L0N1", "L1N3"]
    complaints = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(complaints) == 2
    assert "L9" in complaints[0]
    assert "nonsense" in complaints[1]


def test_a_byte_order_mark_before_the_first_address_is_passed_over(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffL0N1\nL0N2\n"))
    assert run(["show", "-", "-f", "jsonl"]) == 0
    assert [json.loads(line)["neuron"] for line in capsys.readouterr().out.splitlines()] == ["L0N1", "L0N2"]


def test_a_quadrant_beside_an_address_on_stdin_is_the_one_that_is_shown(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {
        "L0N1 -+": ["-+"],
        "L0N4\t--\tpost\t0": ["--"],
        "L0N5\tpn": ["+-"],
        "L0N6 -- a note": ["++", "+-", "-+", "--"],
        "L0N7\ta note\t++": ["++", "+-", "-+", "--"],
        "L0N8": ["++", "+-", "-+", "--"],
        "L0N8 ++  ": ["++"],
    }
    text = "\n".join(lines)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    found = json.loads(shown(capsys, "-", "-f", "json", "-n", "0"))
    assert [list(neuron["quadrants"]) for neuron in found] == list(lines.values())
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    page = shown(capsys, "-", "-f", "rich", "-n", "0")
    heads = [line.split()[0] for line in page.splitlines() if line[:2] in ("L0", "++", "+-", "-+", "--")]
    assert heads == [name for line, quadrants in lines.items() for name in (line.split()[0], *quadrants)]
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    for neuron in json.loads(shown(capsys, "-", "-f", "json", "-n", "0", "-q", "++")):
        assert list(neuron["quadrants"]) == ["++"]


def test_no_address_on_stdin_is_an_empty_list(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n# nothing\n"))
    assert json.loads(shown(capsys, "-", "-f", "json")) == []


def test_an_empty_quadrant_is_fine(capsys: Capture) -> None:
    assert shown(capsys, f"L0N{DEAD}", "-q", "++") == ""
    assert "++ never: 0 of" in shown(capsys, f"L0N{DEAD}", "-f", "rich")


def test_the_page_has_its_peaks_in_one_column_and_can_wrap(capsys: Capture) -> None:
    page = shown(capsys, "L0N5", "-f", "rich", "--width", "90", "-q", "++")
    contexts = [line for line in page.splitlines() if "«" in line]
    assert len(contexts) == 3
    assert {line.index("«") for line in contexts} == {9 + int(81 * 0.62) - 1}
    assert "\x1b" not in page
    wrapped = shown(capsys, "L0N5", "-f", "rich", "--width", "40", "--wrap", "-q", "++", "-n", "1")
    assert len(wrapped.splitlines()) > len(shown(capsys, "L0N5", "-f", "rich", "-q", "++", "-n", "1").splitlines())


@pytest.mark.parametrize(
    ("color", "has", "lacks"),
    [
        ("always", "48;5;", "48;2;"),
        ("256", "48;5;", "48;2;"),
        ("true", "48;2;", "48;5;"),
        ("16", "\x1b[1;4;", "48;"),
        ("none", "\x1b[1;4", "48;"),
        ("never", "«", "\x1b"),
        ("auto", "«", "\x1b"),  # a pipe
    ],
)
def test_colour_is_what_was_asked_for(capsys: Capture, color: str, has: str, lacks: str) -> None:
    page = shown(capsys, "L0N5", "-f", "rich", "--color", color)
    assert has in page
    assert lacks not in page


def test_a_light_background_has_the_light_ramp(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    dark = shown(capsys, "L0N5", "-f", "rich", "--color", "256")
    monkeypatch.setenv("COLORFGBG", "0;15")
    light = shown(capsys, "L0N5", "-f", "rich", "--color", "256")
    strongest = "1;4;38;5;16;48;5;215", "1;4;38;5;231;48;5;130"  # a peak: black on light orange, white on dark
    assert [words in dark for words in strongest] == [True, False]
    assert [words in light for words in strongest] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "L9N1"], "there is no L9"),
        (["show", "L0N99"], "there is no L0N99"),
        (["show", "hello"], "'hello' is not a neuron address"),
        (["show", "L0N1", "-q", "+"], "unknown quadrant '+'"),
        (["show", "L0N1", "--rank-by", "act"], "no ranking 'act'"),
        (["show", "L0N1", "--rank-by", "loud"], "no ranking 'loud'"),
        (["show", "L0N1", "-f", "xml"], "xml"),
        (["show", "L0N1", "--signs", "up"], "up"),
        (["show", "L0N1", "--color", "blue"], "blue"),
        (["show", "L0N1", "-n", "-1"], "--limit is too small"),
        (["show", "L0N1", "-n"], "-n"),
        (["show", "L0N1", "--frobnicate"], "--frobnicate"),
        (["show"], "NEURON"),
        (["shwo"], "shwo"),
        (["show", "L0N1", "--db", "no/such\x1b[31m.db"], "no/such␛[31m.db"),
    ],
)
def test_a_mistake_is_reported_in_two_lines_at_most(capsys: Capture, arguments: list[str], words: str) -> None:
    lines = refused(capsys, *arguments)
    assert words in lines[0]
    assert all(line.isprintable() for line in lines)


def test_a_missing_index_says_how_to_make_one(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GLUSCOPE_DB")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lines = refused(capsys, "show", "L0N1")
    assert lines[0] == "error: there is no index yet"
    assert "gluscope index MODEL TEXT --db gluscope.db" in lines[1]
    assert list(tmp_path.iterdir()) == []


def test_the_index_is_the_option_then_the_variable_then_the_folder(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, truth: Truth
) -> None:
    (tmp_path / "gluscope.db").write_bytes(truth.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLUSCOPE_DB")
    assert json.loads(shown(capsys, "L0N1", "-f", "json"))["neuron"] == "L0N1"
    monkeypatch.setenv("GLUSCOPE_DB", str(tmp_path / "none.db"))
    assert "none.db" in refused(capsys, "show", "L0N1")[0]
    assert json.loads(shown(capsys, "L0N1", "-f", "json", "-d", str(truth.path)))["neuron"] == "L0N1"


def test_ctrl_c_is_130(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> Iterator[str]:
        yield "L0N1"
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", interrupted())
    assert run(["show", "-"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("indexer.database.reader.Index.neuron", broken)
    with pytest.raises(ZeroDivisionError):
        run(["show", "L0N1"])


@pytest.fixture(scope="module")
def wired(truth: Truth) -> Path:
    return with_weights(truth.path, truth.path.with_name("wired.db"), wires=3)


def test_wiring_is_a_line_a_neuron_in_a_pipe_and_words_for_people(capsys: Capture, wired: Path) -> None:
    with indexer.open(wired) as index:
        weights = index.weights("L1N3")
    assert weights is not None
    assert weights.wiring is not None
    lines = shown(capsys, "L1N3", "--wiring", "-f", "plain", "--db", str(wired)).splitlines()
    wanted = [
        ["L1N3", name, str(rank), wire.neuron.name, " ".join(q.value for q in wire.drives or ())]
        for name in ("fed_gate", "fed_in", "feeds_gate", "feeds_in")
        for rank, wire in enumerate(weights.wiring[name])
    ]
    fields = [line.split("\t") for line in lines]
    assert [[*one[:4], one[5]] for one in fields] == wanted
    assert [float(one[4]) for one in fields] == pytest.approx(
        [wire.cosine for name in ("fed_gate", "fed_in", "feeds_gate", "feeds_in") for wire in weights.wiring[name]]
    )
    found = json.loads(shown(capsys, "L1N3", "-f", "json", "-n", "0", "--db", str(wired)))["weights"]["wiring"]
    assert [one["neuron"] for one in found["fed_in"]] == [one.neuron.name for one in weights.wiring.fed_in]
    first = weights.wiring.fed_gate[0]
    sign, quadrants = ("+", "++ and --") if first.cosine > 0 else ("-", "+- and -+")
    for format in ("rich", "md"):
        text = shown(capsys, "L1N3", "--wiring", "-f", format, "-n", "0", "--width", "100", "--db", str(wired))
        assert f"{quadrants} of {first.neuron} (post {sign}) open its gate" in text
        assert "its in is fed by  (chance ±0.125)" in text
        assert "its in is fed by" not in shown(capsys, "L1N3", "-f", format, "-n", "0", "--db", str(wired))
    assert "its gate is fed by: none" in shown(capsys, "L0N3", "--wiring", "-f", "md", "-n", "0", "--db", str(wired))


def test_wiring_that_is_not_there_says_how_to_add_it(capsys: Capture, truth: Truth) -> None:
    assert run(["show", "L1N3", "--wiring"]) == 2
    err = capsys.readouterr().err
    assert "this index has no wiring" in err
    assert f"gluscope index --weights-only MODEL --db {truth.path}" in err
    for others in (["-f", "svg"], ["L0N1", "--compare"]):
        assert run(["show", "L1N3", "--wiring", *others]) == 2
        assert "--wiring" in capsys.readouterr().err


def test_info_says_whether_there_is_wiring(capsys: Capture, wired: Path, truth: Truth) -> None:
    for path, state in ((wired, "computed"), (truth.path, "missing")):
        for format, line in (("plain", f" wiring.state {state} "), ("rich", f" wiring {state}")):
            assert run(["info", "-f", format, "--db", str(path)]) == 0
            assert line in " ".join(capsys.readouterr().out.split())
        assert run(["info", "-f", "json", "--db", str(path)]) == 0
        assert json.loads(capsys.readouterr().out)["wiring"]["state"] == state
