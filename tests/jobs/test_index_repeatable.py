"""The same command gives the same index to the bit, however often it was interrupted, stopped or killed on its way."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gluscope_tui.cli.app import run
from indexer.database.reader import Index
from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings

from ..support.content import content
from ..support.small_runs import LAYERS, TEXTS, WIDTH, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = Settings(context=30, batch_tokens=90, sample=50, top_k=5, rank_by=("post", "gate", "in", "act", "random"))

IMPORTED_ONCE = (  # by the process that the short-lived ones are forked from
    "transformers.modeling_gguf_pytorch_utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model and a corpus of some 15 batches."""
    folder = tmp_path_factory.mktemp("inputs")
    return save_model(folder / "model"), write_corpus(folder / "texts.jsonl")


@pytest.fixture(scope="module")
def whole(inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index made in one go."""
    return make(*inputs, tmp_path_factory.mktemp("whole") / "x.db", SETTINGS)


def batches_of(db: Path) -> int:
    with Index(db) as made:
        return int(made.info().run["batches"])


def shown(db: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The output of `show` for all neurons."""
    capsys.readouterr()
    addresses = [f"L{layer}N{number}" for layer in range(LAYERS) for number in range(WIDTH)]
    assert run(["show", *addresses, "-f", "json", "--db", str(db)]) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(
    inputs: tuple[Path, Path], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = make(*inputs, tmp_path / "x.db", SETTINGS)
    assert content(again) == content(whole)
    assert shown(again, capsys) == shown(whole, capsys)


def interrupted(inputs: tuple[Path, Path], db: Path, after: int, *, overwrite: bool = False) -> list[str]:
    """Index, and press Ctrl-C while the batch of that number runs; the notices. The run may be over before."""
    model, corpus = inputs
    notices: list[str] = []
    batches = 0

    def report(progress: Progress) -> None:
        nonlocal batches
        if progress.phase == "notice":
            notices.append(progress.message)
        if progress.phase == "indexing":
            batches += 1
            if batches == after:
                signal.raise_signal(signal.SIGINT)

    execution = Execution(compile="on")
    index(str(model), Inputs((str(corpus),)), db, SETTINGS, execution, overwrite=overwrite, progress=report)
    return notices


@pytest.mark.slow
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    place: float, inputs: tuple[Path, Path], whole: Path, tmp_path: Path
) -> None:
    db = tmp_path / "x.db"
    with pytest.raises(KeyboardInterrupt):
        interrupted(inputs, db, max(1, round(place * batches_of(whole))))
    assert not db.exists()
    assert (tmp_path / "x.db.run").is_dir()
    notices: list[str] = []
    make(*inputs, db, SETTINGS, notices=notices)
    assert any(notice.startswith("continuing after") for notice in notices)
    assert content(db) == content(whole)
    assert os.listdir(tmp_path) == ["x.db"]


@pytest.mark.slow
def test_a_run_that_is_interrupted_again_and_again_gives_the_same_bytes(
    inputs: tuple[Path, Path], whole: Path, tmp_path: Path
) -> None:
    db = tmp_path / "x.db"
    interruptions = 0
    while not db.exists():
        try:
            interrupted(inputs, db, 1)
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions == batches_of(whole)
    assert content(db) == content(whole)


@pytest.mark.slow
def test_checkpoints_change_nothing(inputs: tuple[Path, Path], whole: Path, tmp_path: Path) -> None:
    assert content(make(*inputs, tmp_path / "x.db", SETTINGS, checkpoint_every=0.0)) == content(whole)


@pytest.mark.slow
def test_ctrl_c_is_exit_code_130_and_the_same_command_continues(
    inputs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, _ = inputs
    corpus = write_corpus(tmp_path / "many.jsonl", TEXTS * 300)
    db = tmp_path / "x.db"
    arguments = ["index", str(model), str(corpus), "--db", str(db), "--compile", "off", "--context", "30"]
    arguments += ["--batch-tokens", "90"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gluscope_tui", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    seen = ""
    while not seen.startswith("indexing"):
        seen = process.stderr.readline()
        assert seen, "it ended before it began"
    process.send_signal(signal.SIGINT)
    told = ""
    while "the same command continues" not in told:
        told = process.stderr.readline()
        assert told, "it ended without a word"
    while process.poll() is None:  # however often it is pressed while it ends
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert err == ""
    assert sorted(os.listdir(tmp_path)) == ["many.jsonl", "x.db.run"]
    capsys.readouterr()
    assert run([*arguments, "--tokens", "100"]) == 2  # another run is not mixed into this one
    assert "--tokens" in capsys.readouterr().err


def make_until_killed(model: Path, corpus: Path, db: Path, phase: str, seconds: float) -> None:
    """Index in a process of its own, which the system kills that long after it first reports that phase."""
    armed = False

    def report(progress: Progress) -> None:
        nonlocal armed
        if progress.phase == phase and not armed:
            armed = True
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # as SIGKILL: at any instruction, nothing is tidied up
            signal.setitimer(signal.ITIMER_REAL, seconds)

    torch.set_num_threads(1)  # as in this process
    execution = Execution(compile="on", checkpoint_every=0.0)
    index(str(model), Inputs((str(corpus),)), db, SETTINGS, execution, progress=report)


def is_complete(db: Path) -> bool:
    with Index(db) as made:
        return made.info().complete


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_goes_on_to_the_same_bytes(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = inputs
    corpus = write_corpus(tmp_path / "many.jsonl", TEXTS * 10)
    whole = content(make(model, corpus, tmp_path / "whole.db", SETTINGS))
    db = tmp_path / "x.db"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *IMPORTED_ONCE])
    chance = random.Random(0)
    kills = ends = 0
    while kills < 12:
        phase, seconds = chance.choice([("indexing", 0.2), ("indexing", 0.2), ("writing", 0.02)])
        moment = chance.uniform(1e-6, seconds)
        process = context.Process(target=make_until_killed, args=(model, corpus, db, phase, moment))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGALRM)
        kills += process.exitcode != 0
        ends += process.exitcode == 0
        assert ends < 40
        if db.exists() and is_complete(db):  # else it is a snapshot of the run under way
            assert content(db) == whole
            db.unlink()
    assert content(make(model, corpus, db, SETTINGS)) == whole
    assert sorted(os.listdir(tmp_path)) == ["many.jsonl", "whole.db", "x.db"]


@pytest.mark.slow
def test_more_tokens_give_what_asking_for_them_at_once_gives(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    settings = replace(SETTINGS, batch_tokens=1)  # every sequence alone: where blocks end changes no value
    once = make(*inputs, tmp_path / "once.db", replace(settings, tokens=700))
    db = tmp_path / "x.db"
    for tokens in (100, 400, 700):
        make(*inputs, db, replace(settings, tokens=tokens))
    one, other = content(once), content(db)
    for table in ("packed", "sequences", "documents", "tokens", "sample_positions"):
        assert other[table] == one[table]
    for mine, theirs in zip(one["neurons"], other["neurons"], strict=True):
        assert theirs == pytest.approx(mine, rel=1e-12)
