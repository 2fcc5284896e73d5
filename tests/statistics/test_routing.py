"""Routed rows are ordered by expert, sequence and position, and reduced in groups; none is lost or counted twice."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from indexer.settings import Settings
from indexer.statistics.batch import BatchView, view_batch
from indexer.statistics.placement import Ordered, Routed, Routing
from indexer.statistics.sample import PositionSample


def routed(seed: int, experts: int, sequences: int, length: int, choices: int) -> list[tuple[int, int, bool]]:
    """(expert, token, kept) of rows in no order, some experts far more often than others."""
    chance = random.Random(seed)
    rows = [
        (min(int(chance.expovariate(0.7)), experts - 1), token, chance.random() < 0.8)
        for token in range(sequences * length)
        for _ in range(choices)
    ]
    chance.shuffle(rows)
    return rows


def batch(sequences: int, length: int) -> BatchView:
    number = np.arange(sequences)
    ids = np.ones((sequences, length), dtype=np.int64)
    return view_batch(ids, number * 0 + length, number, (number, number * 0), Settings(sample=0), PositionSample(0))


def place(expert: torch.Tensor, token: torch.Tensor, kept: torch.Tensor, experts: int, *sizes: int) -> Routed:
    ordered = Ordered(Routing(expert, token, kept), experts, batch(*sizes))
    return ordered.placed(ordered.counts.numpy())


@pytest.mark.parametrize("seed", range(6))
def test_every_kept_pair_of_expert_and_token_is_in_one_group_once(seed: int) -> None:
    experts, sequences, length = 5, 3, 11
    rows = routed(seed, experts, sequences, length, choices=2)
    expert, token, kept = (torch.tensor(column) for column in zip(*rows, strict=True))
    placement = place(expert, token, kept, experts, sequences, length)
    wanted = {(e, t) for e, t, yes in rows if yes}
    found = []
    for part in placement.parts():
        assert part.gathered is not None
        assert part.gathered.row.shape[1] >= 2
        assert part.gathered.cell.tolist() == part.gathered.cells.tolist()
        columns = part.gathered.cell, part.gathered.row, part.gathered.position, part.counted[:, :, 0] == -1
        for cell, row, position, own in zip(*(column.tolist() for column in columns), strict=True):
            inside = [(r, p) for r, p, yes in zip(row, position, own, strict=True) if yes]
            assert [p for _, p in inside] == sorted(p for _, p in inside)
            for r, p in inside:
                assert rows[r][:2] == (cell // sequences, cell % sequences * length + p)
                found.append(rows[r][:2])
            assert set(row) == {r for r, _ in inside}  # padding repeats rows of the cell itself
    assert sorted(found) == sorted(wanted)


def test_the_row_of_a_position_is_found_or_said_not_to_be_there() -> None:
    rows = routed(1, 4, 2, 6, choices=2)
    expert, token, kept = (torch.tensor(column) for column in zip(*rows, strict=True))
    placement = place(expert, token, kept, 4, 2, 6)
    wanted = {(e, t) for e, t, yes in rows if yes}
    for e in range(4):
        for t in range(12):
            row = int(placement.rows_at(torch.tensor(e * 2 + t // 6), torch.tensor(t % 6)))
            assert (row >= 0) == ((e, t) in wanted)
            assert row < 0 or rows[row][:2] == (e, t)


def test_padding_adds_at_most_as_many_rows_as_there_are() -> None:
    rows = routed(2, 40, 8, 60, choices=3)
    expert, token, kept = (torch.tensor(column) for column in zip(*rows, strict=True))
    placement = place(expert, token, kept, 40, 8, 60)
    padded = sum(part.counted.numel() for part in placement.parts())
    assert placement.size < padded < 2.2 * placement.size


def test_a_batch_that_reaches_no_expert_has_no_group() -> None:
    nothing = place(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([False, False]), 2, 1, 2)
    assert list(nothing.parts()) == []
    assert nothing.counts.tolist() == [0, 0]
