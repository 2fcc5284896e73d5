"""The samples of experts are those that each would draw alone: the smallest hashes of what was routed to it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from indexer.statistics.expert_sample import ExpertSamples, ExpertUpdate


def offer(
    samples: ExpertSamples, expert: torch.Tensor, hashes: torch.Tensor, sequence: torch.Tensor, position: torch.Tensor
) -> ExpertUpdate:
    enters = samples.may_enter(expert, hashes)
    numbers = np.bincount(expert[enters].numpy(), minlength=len(samples.hash))
    return samples.offer(expert, hashes, sequence, position, enters, numbers)


@pytest.mark.parametrize("size", [0, 1, 7, 500])
def test_each_expert_samples_the_smallest_hashes_of_its_own(size: int) -> None:
    chance = random.Random(3)
    samples = ExpertSamples(4, size, torch.device("cpu"))
    kept = np.full((4, size, 2), -1)  # what a caller keeps beside the sample
    offered: list[tuple[int, int, int, int]] = []  # expert hash sequence position
    for batch in range(5):
        rows = sorted((chance.choice((0, 1, 3)), chance.getrandbits(40), batch, place) for place in range(30))
        expert, hashes, sequence, position = (torch.tensor(column) for column in zip(*rows, strict=True))
        update = offer(samples, expert, hashes, sequence, position)
        for of, slot, row in zip(*(part.tolist() for part in update), strict=True):
            if of >= 0:
                kept[of, slot] = rows[row][2:]
        offered += rows
    for expert_ in range(4):
        best = sorted(row[1:] for row in offered if row[0] == expert_)[:size]
        sample = samples.of(expert_)
        order = sample.order()
        found = zip(*(getattr(sample, name)[order].tolist() for name in ("hash", "sequence", "position")), strict=True)
        assert list(found) == best
        assert [tuple(place) for place in kept[expert_, order].tolist()] == [place[1:] for place in best]
    assert len(samples.of(2).order()) == 0


def test_a_sample_put_back_is_the_one_that_was_taken() -> None:
    samples = ExpertSamples(2, 3, torch.device("cpu"))
    columns = [0, 1, 1], [5, 9, 2], [7, 7, 8], [1, 2, 3]
    offer(samples, *(torch.tensor(column) for column in columns))
    other = ExpertSamples(2, 3, torch.device("cpu"))
    other.restore(samples.tensors())
    other.put(0, samples.of(1))
    assert other.of(0).hash.tolist() == other.of(1).hash.tolist() == samples.of(1).hash.tolist()
