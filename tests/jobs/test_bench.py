"""`gluscope bench` measures the regimes it names: how many examples and sampled positions enter in each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluscope_tui.cli.app import run
from indexer.errors import GluscopeError
from indexer.jobs import bench
from indexer.jobs.prepare import silent
from indexer.settings import Execution, Inputs, Settings
from indexer.statistics.cpu.loops import Loops
from indexer.statistics.fuser import Fuser
from indexer.statistics.sample import PositionSample
from indexer.statistics.tensors import Tensors

from ..support.small_runs import save_model, write_corpus
from ..support.tiny_experts import save_mixture

pytestmark = pytest.mark.usefixtures("one_thread")

SEEN = 400
WORDS = [" ".join(f"{word}{number}" for word in ("cat", "mat", "der", "the", "auf")) for number in range(400)]


def measured(model: Path, corpus: Path, compile: str = "auto", rank_by: str = "post,gate,in") -> bench.Measured:
    inputs = Inputs((str(corpus),))
    return bench.bench(
        str(model),
        inputs,
        Settings(context=24, batch_tokens=96, duplicates="keep", rank_by=tuple(rank_by.split(","))),
        Execution(compile=compile),
        sequences_=8,
        rounds=1,
        progress=silent,
    )


@pytest.mark.parametrize("kind", ["dense", "experts"])
def test_as_many_examples_enter_as_after_so_many_sequences(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "SEEN", SEEN)
    if kind == "dense":
        model, neurons = save_model(tmp_path / "model"), 2 * 10
    else:
        sizes = {"num_hidden_layers": 1, "intermediate_size": 12, "num_experts_per_tok": 6}
        model, neurons = save_mixture(tmp_path / "model", "MixtralConfig", **sizes), 6 * 12
    found = measured(model, write_corpus(tmp_path / "texts.jsonl", WORDS)).insertions
    # of SEEN sequences k = 16 are in a list: those by post, gate and in of each quadrant
    assert found["steady"] == pytest.approx(neurons * 4 * 3 * 16 / SEEN, rel=0.25)
    assert found["limit"] == 0


def test_as_many_drawn_examples_enter_as_after_so_many_sequences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "SEEN", 40)
    corpus = write_corpus(tmp_path / "texts.jsonl", WORDS)
    found = measured(save_model(tmp_path / "model"), corpus, rank_by="random").insertions
    # of the tokens of 40 sequences 8 are in a list; the positions that enter are few and common to all 20 neurons
    assert found["steady"] == pytest.approx(20 * 4 * 8 / 40, rel=0.5)
    assert found["limit"] == 0 < found["steady"] < found["cold"]


def test_a_draw_is_as_full_as_one_of_so_many_hashes() -> None:
    hashes = np.sort(np.random.default_rng(0).integers(0, 2**63, (2000, 300)), axis=1)[:, :8]
    expected = (2**63 - 1 - hashes).mean(0)
    found = bench._smallest_hashes(torch.tensor([300, 5, 0]), 8)
    assert found[0].numpy() == pytest.approx(expected, rel=1e-3)
    assert (found[1:] >= 0).sum(1).tolist() == [5, 0]
    assert set(found[1, 5:].tolist()) == {-1}


@pytest.mark.parametrize(("compile", "statistics"), [("on", "loops"), ("off", "tensors")])
def test_it_tells_what_computed_the_statistics(
    compile: str, statistics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = [0]
    steps = Loops.steps

    def counting(*arguments: Any) -> Any:
        walked[0] += 1
        return steps(*arguments)

    monkeypatch.setattr(Loops, "steps", counting)
    settings = measured(save_model(tmp_path / "model"), write_corpus(tmp_path / "texts.jsonl", WORDS), compile).settings
    assert settings["statistics"] == statistics
    assert bool(walked[0]) == (statistics == "loops")


def test_a_text_that_is_not_there_is_reported_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(GluscopeError, match="does not exist"):
        measured(tmp_path / "model", tmp_path / "none.txt")


def test_few_rounds_come_with_a_notice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spread = bench.Spread(1.0, 1.0, 1.0)
    few = bench.Measured(spread, dict.fromkeys(bench.REGIMES, spread), dict.fromkeys(bench.REGIMES, 0.0), {})
    monkeypatch.setattr(bench, "bench", lambda *_, **__: few)
    for rounds, told in (("1", "one round says little"), ("2", "2 rounds say little"), ("3", "")):
        assert run(["bench", "m", "t", "--rounds", rounds, "-f", "json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["bare"]["median"] == 1.0
        assert told in err if told else err == ""


class OutOfResources(Exception):
    """Like Triton's: a plain subclass of Exception."""


@pytest.mark.parametrize("kind", [RuntimeError, FileNotFoundError, AssertionError, OutOfResources])
def test_a_compiler_that_fails_leaves_tensors(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise kind("no compiler")

    for compiled, told in ((abs, "compiled"), (broken, "tensors")):
        monkeypatch.setattr(torch, "compile", lambda *_, result=compiled, **__: result)
        tensors = Tensors(Fuser(True, lambda _: None))
        assert tensors.name == "tensors"
        assert tensors.fuse(abs, -3) == 3
        assert tensors.name == told


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, MemoryError])
def test_memory_that_a_compiled_function_lacks_is_not_a_fault_of_the_compiler(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise kind("out of memory")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    fuse = Fuser(True, pytest.fail)
    with pytest.raises(kind):
        fuse(abs, -3)
    assert fuse.enabled


def test_a_sample_takes_as_many_positions_as_after_those_that_were_seen() -> None:
    sample = PositionSample(64)
    bench._draw(sample, 1000)
    hashes = np.random.default_rng(0).integers(0, 2**63 - 1, (1, 500))
    entered = sample.offer(hashes, np.ones((1, 500), dtype=bool), np.zeros(1, dtype=np.int64))
    # of 1,500 positions the 64 smallest stay, a third of which are among the new 500
    assert len(entered.slot) == pytest.approx(64 / 3, rel=0.5)
    bench._draw(sample, 10)
    assert sorted(sample.hash)[9] == 2**63 - 1 > sorted(sample.hash)[8]
    bench._draw(sample, 0)
    assert set(sample.hash.tolist()) == {2**63 - 1}
