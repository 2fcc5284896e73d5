"""Triton's kernels leave the very state that tensor operations leave, or are not used.

Kernels run on a GPU: benchmarks/gpu.py proves them there. With Triton installed and TRITON_INTERPRET=1 its interpreter
runs them here.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from indexer.settings import ONE_A_SEQUENCE, Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import BatchView, NonFiniteError, view_batch
from indexer.statistics.choice import Engines, OnCuda
from indexer.statistics.deferred import Steps
from indexer.statistics.engine import Engine, Filled
from indexer.statistics.gpu.trial import difference
from indexer.statistics.placement import Placement
from indexer.statistics.sample import PositionSample

from ..support.stacks import CPU, dense, plain_tensors, shape
from .test_cpu_loops import CASES, batches, in_order

pytestmark = pytest.mark.usefixtures("one_thread")

interpreted = pytest.mark.skipif(
    find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1",
    reason="needs Triton, and TRITON_INTERPRET=1 for its interpreter",
)
KINDS = {
    "defaults": Settings(sample=16),
    "act ranked, duplicates kept": Settings(rank_by=("post", "act", "random"), duplicates="keep", top_k=5, sample=4),
    "one a sequence": Settings(rank_by=("gate", "in", "random"), draw=ONE_A_SEQUENCE, window=(2, 50), count_first=True),
    "no rankings by magnitude": Settings(rank_by=("random",), top_k=3),
    "no random": Settings(rank_by=("post",), top_k=1, sample=0),
}


def kernels() -> Engine:
    from indexer.statistics.gpu.kernels import Kernels

    return Kernels()


@interpreted
@pytest.mark.slow
@pytest.mark.parametrize("routed", [False, True], ids=["dense", "experts"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", KINDS)
def test_kernels_leave_what_plain_operations_leave(name: str, dtype: torch.dtype, routed: bool) -> None:
    of = shape(41, keep_act=name != "defaults")
    assert difference((plain_tensors(), kernels()), of, KINDS[name], dtype, CPU, routed) is None


@interpreted
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("beyond")])
def test_kernels_pass_the_cases_of_the_loops(name: str) -> None:
    settings, width, rows, length = CASES[name]
    fed, plain = (dense(shape(width, keep_act=True), settings, by) for by in (kernels(), plain_tensors()))
    samples = PositionSample(settings.sample), PositionSample(settings.sample)
    for number, (values, ids, lengths) in enumerate(batches(rows, length, width, torch.nn.functional.silu)[:5]):
        both = torch.cat([values.gate, values.in_], 2)
        given = values._replace(gate=both[:, :, :width], in_=both[:, :, width:])
        numbers = np.arange(number * rows, number * rows + rows)
        for stack, sample, of in ((fed, samples[0], given), (plain, samples[1], values)):
            stack.add(of, view_batch(ids, lengths, numbers, (numbers, numbers * 0), settings, sample))
    found = in_order(fed.states[0])
    for key, tensor in in_order(plain.states[0]).items():
        if key == "total":  # added up in another order
            torch.testing.assert_close(found[key], tensor, rtol=1e-13, atol=1e-13)
        else:
            assert torch.equal(found[key], tensor), key


@interpreted
@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("quantity", range(4))
def test_a_value_that_is_not_finite_changes_nothing(quantity: int, bad: float) -> None:
    settings = Settings(top_k=2, sample=4)
    stack = dense(shape(9), settings, kernels())
    numbers = np.arange(3)
    view = view_batch(
        np.ones((3, 12), np.int64), numbers + 10, numbers, (numbers, numbers), settings, PositionSample(4)
    )
    values = Activations(*torch.randn((4, 3, 12, 9)).unbind())
    values[quantity][1, 4, 6] = bad
    before = {key: tensor.clone() for key, tensor in stack.states[0].tensors().items()}
    with pytest.raises(NonFiniteError) as raised:
        stack.add(values, view)
    assert (raised.value.row, raised.value.site) == (1, 0)
    assert all(torch.equal(tensor, before[key]) for key, tensor in stack.states[0].tensors().items())
    values[quantity][1, 4, 6], values[quantity][2, 0, 6] = 1.0, bad  # the first position isn't counted
    stack.add(values, view)


class Wrong:
    """Tensor operations with a fault."""

    name = "wrong"

    def __init__(self, fault: str) -> None:
        self._plain = plain_tensors()
        self._fault = fault

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        yield from self._plain.steps(of, values, placement, batch)
        if self._fault == "total":
            of.total[1, 3, 2] *= 1 + 1e-9
        elif self._fault == "extreme":
            of.extreme[0, 5, 7] += 1
        elif self._fault == "ranked lanes":
            of.ranked.lanes[4, 0, 1, 3] += 1
        elif self._fault == "drawn key":
            of.drawn.key[2, 0] += 1


@pytest.mark.slow
@pytest.mark.parametrize("routed", [False, True], ids=["dense", "experts"])
def test_a_trial_names_what_is_different(routed: bool) -> None:
    for fault in ("", "total", "extreme", "ranked lanes", "drawn key"):
        engines = plain_tensors(), Wrong(fault)
        found = difference(engines, shape(41), KINDS["defaults"], torch.float32, CPU, routed)
        assert found == (fault or None)


def on_cuda(notices: list[str]) -> tuple[Engines, OnCuda]:
    engines = Engines(True, notices.append)
    found = engines.on(torch.device("cuda"))
    assert isinstance(found, OnCuda)
    return engines, found


def feed(engine: Engine, **form: Any) -> None:
    settings, numbers = Settings(top_k=2, sample=4), np.arange(3)
    view = view_batch(
        np.ones((3, 12), np.int64), numbers + 10, numbers, (numbers, numbers), settings, PositionSample(4)
    )
    dense(shape(9, **form), settings, engine).add(Activations(*torch.randn((4, 3, 12, 9)).unbind()), view)


def test_without_triton_tensor_operations_take_over_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("indexer.statistics.gpu.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    notices: list[str] = []
    engines, engine = on_cuda(notices)
    feed(engine)
    feed(engine)
    assert engines.name == "compiled"
    assert len(notices) == 1
    assert notices[0].startswith("Triton's kernels can't be used here, the statistics take longer: ")


@interpreted
def test_kernels_are_used_once_tried_and_passed_over_for_what_they_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    notices: list[str] = []
    engines, engine = on_cuda(notices)
    feed(engine)
    assert (engines.name, notices) == ("kernels", [])
    engines, engine = on_cuda(notices)
    feed(engine, sign_preserving=False)
    assert engines.name == "compiled"
    assert notices[0].endswith("an activation that doesn't keep the sign of its input")
