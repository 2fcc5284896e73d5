"""Promises of the commands that make an index: options reach the run, mistakes are reported, progress is shown."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.cli.options import parse_amount, parse_numbers
from gluscope_tui.cli.progress import duration, line, narrator
from indexer.errors import GluscopeError
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings

from ..support.index_fixture import make_index

Capture = pytest.CaptureFixture[str]
Call = dict[str, Any]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Call]:
    """Stands in for the run: what `gluscope index` would have started."""
    made: list[Call] = []

    def index(
        model: str,
        inputs: Inputs,
        db: Path,
        settings: Settings,
        execution: Execution,
        *,
        overwrite: bool,
        progress: Callable[[Progress], None],
    ) -> Path:
        progress(Progress("loading", message=f"loading {model}"))
        made.append(
            {
                "model": model,
                "inputs": inputs,
                "db": db,
                "settings": settings,
                "execution": execution,
                "overwrite": overwrite,
            }
        )
        return db

    job = ModuleType("indexer.jobs.index")
    job.index = index  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "indexer.jobs.index", job)
    monkeypatch.setattr("gluscope_tui.cli.index.tell_of", lambda _: None)  # there is no index
    monkeypatch.delenv("GLUSCOPE_DB", raising=False)
    monkeypatch.chdir(tmp_path)
    return made


def test_without_options_the_settings_have_their_defaults(calls: list[Call], capsys: Capture) -> None:
    assert run(["index", "some/model", "a.txt", "b"]) == 0
    assert calls == [
        {
            "model": "some/model",
            "inputs": Inputs(("a.txt", "b")),
            "db": Path("gluscope.db"),
            "settings": Settings(),
            "execution": Execution(),
            "overwrite": False,
        }
    ]
    out, err = capsys.readouterr()
    assert out == ""
    assert "loading some/model" in err


def test_every_option_reaches_the_run(calls: list[Call]) -> None:
    options = (
        "--db x.db --context 512 --long truncate --tokens 1.5M --bos never --count-first --layers 0-3,7 --experts 2,0 "
        "--top-k 8 --rank-by act,post --duplicates keep --window 10,3 --sample 64 --seed 7 --dtype bfloat16 "
        "--device cuda:1 --device-map auto --revision main --batch-tokens 4k --compile off --checkpoint-every 60 "
        "--overwrite --trust-remote-code --dataset-column body --dataset d/s --config en --split test "
        "--chat always --chat-template t.jinja --roles user,assistant --sinks drop"
    )
    assert run(["index", "m", *options.split()]) == 0
    assert calls == [
        {
            "model": "m",
            "inputs": Inputs(
                (),
                column="body",
                dataset="d/s",
                config="en",
                split="test",
                chat="always",
                chat_template="t.jinja",
            ),
            "db": Path("x.db"),
            "settings": Settings(
                context=512,
                long="truncate",
                tokens=1_500_000,
                bos="never",
                count_first=True,
                layers=(0, 1, 2, 3, 7),
                experts=(0, 2),
                top_k=8,
                rank_by=("post", "act"),
                duplicates="keep",
                window=(10, 3),
                sample=64,
                seed=7,
                dtype="bfloat16",
                revision="main",
                batch_tokens=4000,
                roles=("assistant", "user"),
                sinks="drop",
            ),
            "execution": Execution("cuda:1", "auto", "off", True, 60.0),
            "overwrite": True,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m"], "no text"),
        ([], "MODEL"),
        (["m", "t", "--layers", "3-1"], "runs backwards"),
        (["m", "t", "--layers", "x"], "'x' is not a list of numbers"),
        (["m", "t", "--roles", ","], "--roles: it names no role"),
        (["m", "t", "--roles", "user,a b"], "--roles: 'a b' is not a role"),
        (["m", "t", "--tokens", "many"], "--tokens: 'many' is not an amount"),
        (["m", "t", "--tokens=-5"], "--tokens: '-5' is not an amount"),
        (["m", "t", "--window", "3"], "not a pair of numbers"),
        (["m", "--weights-only", "--no-weights"], "contradict each other"),
        (["m", "t", "--split", "test"], "need a --dataset"),
        (["m", "t", "--config", "en"], "need a --dataset"),
        (["m", "t", "--rank-by", "post,loud"], "unknown ranking 'loud'"),
        (["m", "t", "--rank-by", ","], "no ranking"),
        (["m", "t", "--bos", "maybe"], "maybe"),
        (["m", "t", "--context", "1"], "--context"),
        (["m", "t", "--top-k", "0"], "--top-k"),
    ],
)
def test_a_mistake_starts_nothing(calls: list[Call], capsys: Capture, arguments: list[str], words: str) -> None:
    assert run(["index", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.splitlines()[0]
    assert len(err.splitlines()) <= 2
    assert calls == []


def test_a_window_wider_than_sequences_is_taken_as_wide_as_they_are_and_that_is_reported(
    calls: list[Call], capsys: Capture
) -> None:
    assert run(["index", "m", "t", "--window", "99999,3", "--context", "64"]) == 0
    assert calls[0]["settings"].window == (63, 3)
    assert "--window 99999,3 is longer than a sequence of 64 tokens: using 63,3" in capsys.readouterr().err
    assert run(["index", "m", "t", "--window", "63,0", "--context", "64"]) == 0
    assert "--window" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "amount"), [("1024", 1024), ("500k", 500_000), ("20M", 20_000_000), ("1.5m", 1_500_000), ("2B", 2 * 10**9)]
)
def test_amounts(text: str, amount: int) -> None:
    assert parse_amount("--tokens", text) == amount


def test_lists_of_numbers() -> None:
    assert parse_numbers("--layers", "7,0-3, 2") == (0, 1, 2, 3, 7)
    with pytest.raises(GluscopeError):
        parse_numbers("--layers", "1,,2")


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with narrator(stream) as report:
        report(Progress("loading", message="loading \x1b[31mmodel"))
        for done in range(100):
            report(Progress("indexing", done, 100, 10.0))
        report(Progress("notice", message="layer 3 was left out"))
    assert stream.getvalue().splitlines() == [
        "loading ␛[31mmodel",
        "indexing 0 of 100, 10/s, 0:10 left",
        "layer 3 was left out",
    ]


def test_progress_on_a_terminal_is_one_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    with narrator(stream) as report:
        report(Progress("indexing", 14_000, 113_000, 1200.0))
        report(Progress("notice", message="hm"))
        report(Progress("writing", 1, 46_080))
        report(Progress("writing", 46_080, 46_080))  # too soon to be shown, until nothing follows
    assert stream.getvalue() == (
        "\rindexing 14.0k of 113k, 1.20k/s, 1:22 l\nhm\n"
        + "\r"
        + "writing 1 of 46,080".ljust(39)
        + "\r"
        + "writing 46,080 of 46,080".ljust(39)
        + "\n"
    )
    assert line(Progress("indexing", 14_005, 113_000, 1200.0)) == "indexing 14,005 of 113,000, 1.20k/s, 1:22 left"
    assert line(Progress("indexing", 14_005, 20_000_000)) == "indexing 14.0k of 20.0M"


def test_durations() -> None:
    assert [duration(seconds) for seconds in (7, 754, 3599.6, 11_100)] == ["0:07", "12:34", "1h00", "3h05"]


@pytest.mark.parametrize(
    ("place", "arguments", "told"),
    [
        ("indexer.jobs.merge.merge", ["merge", "all.db", "a.db", "b.db"], "stopped; all.db is unchanged"),
        ("indexer.jobs.bench.bench", ["bench", "m", "t"], "stopped; nothing was kept"),
        ("indexer.jobs.dry_run.dry_run", ["index", "m", "t", "--dry-run"], "stopped; nothing was written"),
        ("indexer.jobs.demo.make_demo", ["demo"], "stopped; nothing was kept"),
    ],
)
def test_every_long_command_says_what_an_interruption_leaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture, place: str, arguments: list[str], told: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(place, interrupted)
    assert run(arguments) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(told)


@pytest.mark.slow
def test_the_demo_shows_its_telling_neuron_and_commands_that_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "a folder").mkdir()
    truth = make_index(tmp_path / "a folder" / "demo.db")
    asked: list[str | None] = []

    def make_demo(model: str | None, *, progress: Callable[[Progress], None]) -> Path:
        progress(Progress("notice", message="made before"))
        asked.append(model)
        return truth.path

    demo = ModuleType("indexer.jobs.demo")
    demo.make_demo = make_demo  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "indexer.jobs.demo", demo)
    assert run(["demo"]) == 0
    out, err = capsys.readouterr()
    assert asked == [None]
    assert out.startswith(f"{truth.telling.name}\t++\tpost\t0\t")
    commands = [shlex.split(text) for text in err.splitlines() if text.startswith("  gluscope ")]
    explore, *others = commands
    assert explore == ["gluscope", "tui", truth.telling.name, "--db", str(truth.path)]  # needs a terminal
    assert len(others) >= 3
    for command in others:
        assert run(command[1:]) == 0
        assert capsys.readouterr().err == ""
