"""The compiled walk that enters offers on the CPU leaves the very state that the plain tensor operations leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from indexer.reduction import Activations, Fuser
from indexer.sample import PositionSample
from indexer.settings import Settings
from indexer.state import BatchView, Ints, SiteState, view_batch

CPU = torch.device("cpu")
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
    "no random": (Settings(rank_by=("post",), top_k=1), 16, 5, 2),
}


def batches(rows: int, length: int, width: int) -> list[tuple[Activations, Ints, Ints]]:
    """Values with many ties and zeros, ids with many duplicates, lengths of all kinds."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    made = []
    for _ in range(12):
        gate = (torch.randn(rows, length, width) * 8).round() / 4  # sequence position neuron
        in_ = (torch.randn(rows, length, width) * 4).round() / 4  # sequence position neuron
        act = torch.nn.functional.silu(gate)
        lengths = random.integers(1, length + 1, rows)
        lengths[0] = length
        made.append((Activations(gate, in_, act, act * in_), random.integers(0, 3, (rows, length)), lengths))
    return made


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fused_site", [False, True])
def test_the_walk_leaves_what_plain_operations_leave(name: str, fused_site: bool) -> None:
    settings, width, rows, length = CASES[name]
    torch.set_num_threads(2)
    walked, plain = (SiteState(width, settings, sign_preserving=True, keep_act=True, device=CPU) for _ in range(2))
    samples = PositionSample(settings.sample), PositionSample(settings.sample)
    walking = Fuser(True, pytest.fail)
    walking.enabled = False  # as where torch finds no compiler
    for number, (values, ids, lengths) in enumerate(batches(rows, length, width)):
        if fused_site:  # gate and in are halves of one tensor
            values = values._replace(gate=torch.cat([values.gate, values.in_], 2)[:, :, :width])
        numbers = np.arange(number * rows, number * rows + rows)

        def view(sample: PositionSample) -> BatchView:
            return view_batch(ids, lengths, numbers, numbers, numbers * 0, settings, sample)  # noqa: B023

        walked.add(values, view(samples[0]), walking)
        plain.add(values, view(samples[1]), Fuser(False, pytest.fail))
        for key, tensor in plain.tensors().items():
            assert torch.equal(walked.tensors()[key], tensor), key
    assert int((plain.ranked.key >= 0).sum()) + int((plain.random.key >= 0).sum()) > 0
