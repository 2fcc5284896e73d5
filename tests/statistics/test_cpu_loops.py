"""The loops that do the statistics on the CPU leave the very state that the plain tensor operations leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.database.reader import Index
from indexer.settings import Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import BatchView, view_batch
from indexer.statistics.fuser import Fuser
from indexer.statistics.sample import Ints, PositionSample
from indexer.statistics.stack import SiteState
from indexer.statistics.tensors import Tensors

from ..support.small_runs import save_model, write_corpus
from ..support.stacks import dense, engine, plain_tensors, shape

ROOT = Path(__file__).parents[2]
CASES = {
    "defaults": (Settings(sample=64), 100, 4, 200),
    "act ranked, duplicates kept": (Settings(rank_by=("post", "act", "random"), duplicates="keep"), 33, 7, 40),
    "other windows, first counted": (
        Settings(rank_by=("gate", "in", "random"), count_first=True, window=(2, 50)),
        20,
        3,
        300,
    ),
    "no rankings by magnitude": (Settings(rank_by=("random",)), 17, 5, 33),
    "beyond 65,536 tokens": (Settings(top_k=2, sample=4), 3, 1, 66_000),
    "no random": (Settings(rank_by=("post",), top_k=1), 16, 5, 2),
}


def batches(
    rows: int, length: int, width: int, activation: Callable[[torch.Tensor], torch.Tensor]
) -> list[tuple[Activations, Ints, Ints]]:
    """Values with many ties and zeros, ids with many duplicates, lengths of all kinds."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    made = []
    for _ in range(12 if length < 1000 else 2):
        gate = (torch.randn(rows, length, width) * 8).round() / 4  # sequence position neuron
        in_ = (torch.randn(rows, length, width) * 4).round() / 4  # sequence position neuron
        act = activation(gate)
        lengths = random.integers(1, length + 1, rows)
        lengths[0] = length
        made.append((Activations(gate, in_, act, act * in_), random.integers(0, 3, (rows, length)), lengths))
    return made


def in_order(state: SiteState) -> dict[str, torch.Tensor]:
    """All that a checkpoint keeps: the examples of each list best first, without the empty places."""
    found = dict(state.tensors())
    for name, best in (("ranked", state.ranked), ("random", state.drawn)):
        order = best.order()  # column k
        filled = best.key.gather(1, order) >= 0
        for key, tensor in best.tensors().items():
            if key != "threshold":
                found[f"{name}.{key}"] = tensor[torch.arange(len(order))[:, None], order][filled]
        found[f"{name}.filled"] = filled
    return found


@pytest.mark.slow
def test_loops_work_on_processors_without_masks(tmp_path: Path) -> None:
    """In another process, which takes its own for a plain one of its kind."""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", __file__, "-k", "leave and default"]
    done = subprocess.run(run, env={**os.environ, **plain}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


@pytest.mark.slow
def test_what_was_kept_of_the_loops_may_be_broken_or_out_of_reach(tmp_path: Path) -> None:
    model, corpus = save_model(tmp_path / "model"), write_corpus(tmp_path / "texts.jsonl")
    outputs = []

    def index(name: str, cache: Path) -> None:
        command = ["index", str(model), str(corpus), "--db", name, "--context", "48", "--compile", "on", "--no-weights"]
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT), "NUMBA_OPT": "0"}
        run = [sys.executable, "-m", "gluscope_tui", *command]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert "numba" not in done.stderr
        with Index(tmp_path / name) as found:
            outputs.append([found.neuron(f"L0N{number}") for number in range(10)])

    index("first.db", tmp_path / "cache")
    kept = [file for kind in ("nbi", "nbc") for file in (tmp_path / "cache").rglob(f"*.{kind}")]
    assert kept
    for place, file in enumerate(sorted(kept)):
        with open(file, "r+b") as half:
            half.truncate(0 if place % 2 else file.stat().st_size // 2)
    index("second.db", tmp_path / "cache")
    index("third.db", Path("/dev/null/nowhere"))
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of torch's own
def test_fused_operations_leave_what_plain_ones_leave() -> None:
    """As on a GPU; without a compiler, both are plain."""
    settings, width, rows, length = CASES["defaults"]
    samples = PositionSample(settings.sample), PositionSample(settings.sample)
    notices: list[str] = []
    fused, plain = (
        dense(shape(width, keep_act=True), settings, by)
        for by in (Tensors(Fuser(True, notices.append)), plain_tensors())
    )
    for number, (values, ids, lengths) in enumerate(batches(rows, length, width, torch.nn.functional.silu)):
        numbers = np.arange(number * rows, number * rows + rows)
        for stack, sample in ((fused, samples[0]), (plain, samples[1])):
            stack.add(values, view_batch(ids, lengths, numbers, (numbers, numbers * 0), settings, sample))
    found = in_order(fused.states[0])
    for key, tensor in in_order(plain.states[0]).items():
        if key == "total":
            torch.testing.assert_close(found[key], tensor, rtol=1e-13, atol=1e-13)
        else:
            assert torch.equal(found[key], tensor), (key, notices)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["plain", "halves of one tensor", "no sign", "bfloat16"])
def test_loops_leave_what_plain_operations_leave(name: str, kind: str) -> None:
    settings, width, rows, length = CASES[name]
    torch.set_num_threads(2)
    preserving, keep_act = kind != "no sign", kind != "plain"
    kind_of = shape(width, sign_preserving=preserving, keep_act=keep_act)
    looped, plain = (dense(kind_of, settings, engine(loops=loops)) for loops in (True, False))
    samples = PositionSample(settings.sample), PositionSample(settings.sample)
    activation = torch.nn.functional.silu if preserving else torch.sin
    for number, (values, ids, lengths) in enumerate(batches(rows, length, width, activation)):
        if kind == "halves of one tensor":
            both = torch.cat([values.gate, values.in_], 2)
            values = values._replace(gate=both[:, :, :width], in_=both[:, :, width:])
        given = Activations(*(value.bfloat16() for value in values)) if kind == "bfloat16" else values
        numbers = np.arange(number * rows, number * rows + rows)

        def view(sample: PositionSample) -> BatchView:
            return view_batch(ids, lengths, numbers, (numbers, numbers * 0), settings, sample)  # noqa: B023

        looped.add(given, view(samples[0]))
        plain.add(Activations(*(value.float() for value in given)), view(samples[1]))
        found = in_order(looped.states[0])
        for key, tensor in in_order(plain.states[0]).items():
            if key == "total":  # added up in another order
                torch.testing.assert_close(found[key], tensor, rtol=1e-13, atol=1e-13)
            else:
                assert torch.equal(found[key], tensor), key
    assert int((plain.ranked.key >= 0).sum()) + int((plain.drawn.key >= 0).sum()) > 0
