"""`gluscope effect` as a script calls it: which rows it measures, and in which form it prints them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from indexer.database.reader import Index

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
def test_neurons_come_from_arguments_and_stdin_with_the_quadrants_beside_them(
    live_index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("L1N3\t-+\tpost\nL0N2\n"))
    common = ["--contexts", "1", "--controls", "0", "--device", "cpu", "-d", str(live_index)]
    assert run(["effect", "-", "-f", "csv", *common]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = [(row["neuron"], row["quadrant"]) for row in rows]
    assert found == [("L1N3", "-+"), *(("L0N2", label) for label in ("++", "+-", "-+", "--", "all"))]
    assert {row["over"] for row in rows} == {"random"}
    assert {(row["model"], row["index"]) for row in rows} == {(name_of(live_index), str(live_index))}
    assert run(["effect", "L1N3", "-q", "+-", "-f", "json", *common]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["neuron"], one["quadrant"], one["to"]) == ("L1N3", "+-", "zero")
    assert (one["model"], one["index"]) == (name_of(live_index), str(live_index))
    assert run(["effect", "L1N3", "-q", "+-", "-f", "table", *common, "--prompt", "the cat sat"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == f"{name_of(live_index)}, index {live_index}"
    assert "--contexts is of the index's own contexts: with a text of yours it changes nothing" in said.err
    assert run(["effect", "L1N3", "-q", "+-", "-q", "all", "-f", "json", "--sort", "kl_at", *common]) == 0
    both = json.loads(capsys.readouterr().out)
    sizes = [row["kl_at"]["mean"] for row in both]
    assert sizes == sorted(sizes, reverse=True)


def name_of(db: Path) -> str:
    """The name of the model of an index."""
    with Index(db) as index:
        return index.model


def test_an_interruption_says_that_nothing_was_kept(
    live_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("indexer.jobs.effect.open_model", interrupted)
    out = tmp_path / "e.jsonl"
    assert run(["effect", "L0N1", "--out", str(out), "-d", str(live_index)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "stopped; nothing was kept"
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["L9N0"], "there is no L9"),
        (["L0N0", "--to", "x"], "not a replacement"),
        (["L0N0", "--text", "a", "--prompt", "b"], "two texts"),
        (["L0N0", "--tokens", "5k"], "of a --text"),
        (["L0N0", "--where", "layer = 0"], "--where chooses others"),
        ([], "no neuron is named"),
    ],
)
def test_what_a_user_can_mend_is_told(
    words: list[str], told: str, live_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["effect", *words, "-d", str(live_index)]) == 2
    assert told in capsys.readouterr().err
