"""`gluscope prompt` on the command line: formats, errors, exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from gluscope_tui.cli.app import run
from indexer.settings import Settings

from ..support.small_runs import make, save_model, write_corpus

TEXT = "the cat sat on the mat"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompt")
    corpus = write_corpus(folder / "t.jsonl")
    return make(save_model(folder / "model"), corpus, folder / "g.db", Settings(context=48, top_k=2), compile="off")


def prompt(capsys: pytest.CaptureFixture[str], db: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(["prompt", *arguments, "--db", str(db)]) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_all_formats_tell_the_same_rows(small_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(prompt(capsys, small_index, TEXT, "-n", "5", "-f", "json")[0])
    assert (found["format"], found["text"], found["signs"]) == (1, TEXT, "aligned")
    assert found["target"].keys() == {"id", "token"}
    rows = found["rows"]
    assert len(rows) == 5
    lines = prompt(capsys, small_index, TEXT, "-n", "5", "-f", "jsonl")[0].splitlines()
    origin = {"model": "model", "index": str(small_index)}
    assert {name: found[name] for name in origin} == origin
    assert [json.loads(line) for line in lines] == [row | origin for row in rows]
    table = list(csv.DictReader(io.StringIO(prompt(capsys, small_index, TEXT, "-n", "5", "-f", "csv")[0])))
    for row, line in zip(rows, table, strict=True):
        assert (line["neuron"], line["quadrant"]) == (row["neuron"], row["quadrant"])
        assert {name: line[name] for name in origin} == origin
        assert np.float32(line["post"]) == np.float32(row["post"])
        assert line["beyond"] == str(int(row.get("beyond", False)))
    plain = prompt(capsys, small_index, TEXT, "-n", "5", "-f", "plain")[0]
    assert [line.split("\t")[0] for line in plain.splitlines()] == [row["neuron"] for row in rows]
    people = prompt(capsys, small_index, TEXT, "-n", "5", "-f", "table")[0].splitlines()
    assert people[0] == f"model, index {small_index}"
    assert people[1].startswith(f"position {rows[0]['position']} «")
    assert [line.split()[0] for line in people[3:]] == [row["neuron"] for row in rows]


def test_a_neuron_is_listed_along_the_tokens(small_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(prompt(capsys, small_index, TEXT, "--neuron", "l1n3", "--neuron", "0.2", "-f", "json")[0])
    assert [one["neuron"] for one in found["neurons"]] == ["L1N3", "L0N2"]
    for one in found["neurons"]:
        assert len(one["post"]) == len(found["tokens"]) == len(found["ids"])
        assert one["post"][0] is None
    table = prompt(capsys, small_index, TEXT, "--neuron", "L1N3", "-f", "table")[0].splitlines()
    assert table[1] == "L1N3"
    assert len(table) == 3 + len(found["tokens"]) - 1


def test_texts_come_from_arguments_files_and_stdin(
    small_index: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("a dog\n".encode("utf-8-sig"))
    stdin = io.TextIOWrapper(io.BytesIO(b"the mat\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    arguments = ("-", TEXT, "--file", str(file), "-n", "1", "-f", "json")
    found = json.loads(prompt(capsys, small_index, *arguments)[0])
    assert [one["text"] for one in found] == ["the mat", TEXT, "a dog\n"]


def test_what_the_user_can_mend_is_told_in_two_lines(
    small_index: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments, told in (
        ((), "there is no text"),
        (("",), "no tokens"),
        (("7" * 2_000_000,), "has room for: 47"),
        ((TEXT, "--at", "0"), "position 0 is not counted"),
        ((TEXT, "--at", "zebra"), "no token of the text"),
        ((TEXT, "--where", "layer >"), "wanted"),
        ((TEXT, "--neuron", "L9N1"), "L9"),
        ((TEXT, "--model", str(tmp_path / "none")), "no model"),
        ((TEXT, "--chat"), "no chat template"),
        ((TEXT, "--no-index"), "needs --model"),
        (("--file", str(tmp_path / "none.txt")), "can't be read"),
    ):
        out, err = prompt(capsys, small_index, *arguments, code=2)
        assert out == ""
        assert told in err
        assert len([line for line in err.splitlines() if not line.startswith(("loading", "looking"))]) <= 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((TEXT, ""), "no tokens"),
        ((TEXT, "--neuron", "L1N999"), "999"),
        ((TEXT, "--layers", "0,99"), "layer 99 is not among"),
        ((TEXT, "--where", "foo > 1"), "foo"),
        ((TEXT, "--no-index", "--model", "m", "--where", "layer = 1"), "--where needs an index"),
    ],
)
def test_what_needs_no_model_is_told_before_it_is_loaded(
    words: tuple[str, ...],
    told: str,
    small_index: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexer.live.session.open_model", lambda *_: pytest.fail("the model was loaded"))
    _, err = prompt(capsys, small_index, *words, code=2)
    assert told in err


def test_nothing_found_is_exit_code_one(small_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--where", "layer = 1 and layer = 0"), ("--neuron", "L1N3", "--layers", "0")):
        out, err = prompt(capsys, small_index, TEXT, *words, "-f", "jsonl", code=1)
        assert out == ""
        assert "no neuron meets the conditions" in err


def test_a_model_alone_is_enough(
    small_index: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLUSCOPE_DB", raising=False)
    model = str(small_index.parent / "model")
    assert run(["prompt", TEXT, "--model", model, "-n", "2", "-f", "json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [row["percentile"] for row in found["rows"]] == [None, None]
    assert "without an index there are no percentiles" in told.err


def test_hostile_tokens_are_cleaned(small_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a \x1b]52;c;aGk=\x07 b"
    for format in ("table", "plain", "csv"):
        out, _ = prompt(capsys, small_index, hostile, "--neuron", "L0N1", "-f", format)
        assert all(line.replace("\t", "").isprintable() for line in out.splitlines())
