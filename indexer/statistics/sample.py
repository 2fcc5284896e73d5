"""The uniform sample: the counted positions with the smallest seeded hash, in whatever order they arrive."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..database.format.schema import SAMPLE_SCALE

Ints = npt.NDArray[np.int64]


class SampleUpdate(NamedTuple):
    """The positions of a batch that enter the sample: for each its slot, the row of its sequence, and its position."""

    slot: Ints
    row: Ints
    position: Ints


class Slots(NamedTuple):
    """Which slots of a sample take which slots of another sample."""

    ours: Ints
    theirs: Ints


class PositionSample:
    """The sampled positions. Sites that count the same positions share one sample."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.hash: Ints = np.full(size, np.iinfo(np.int64).max)  # an empty slot is larger than any hash
        self.sequence: Ints = np.full(size, -1)
        self.position: Ints = np.zeros(size, dtype=np.int64)

    def offer(self, hashes: Ints, counted: npt.NDArray[np.bool_], sequence: Ints) -> SampleUpdate:
        """Enter a batch's positions: `hashes` and `counted` are sequence position, `sequence` their numbers."""
        row, position = np.nonzero(counted & (hashes < self.hash.max(initial=-1)))
        offered = hashes[row, position]
        everything = np.concatenate([self.hash, offered])
        keep = np.zeros(len(everything), dtype=bool)
        keep[np.argsort(everything, kind="stable")[: self.size]] = True
        slot = np.nonzero(~keep[: self.size])[0]
        entering = np.nonzero(keep[self.size :])[0]
        self.hash[slot] = offered[entering]
        self.sequence[slot] = sequence[row[entering]]
        self.position[slot] = position[entering]
        return SampleUpdate(slot, row[entering], position[entering])

    def merge(self, other: PositionSample) -> Slots:
        """Enter another sample, of other positions. Returns which slots take which slots of the other."""
        theirs = other.order()
        update = self.offer(
            other.hash[theirs][None, :], np.ones((1, len(theirs)), dtype=bool), np.zeros(1, dtype=np.int64)
        )
        entered = theirs[update.position]
        self.sequence[update.slot] = other.sequence[entered]
        self.position[update.slot] = other.position[entered]
        return Slots(update.slot, entered)

    def order(self) -> Ints:
        """The filled slots, by hash."""
        order = np.argsort(self.hash, kind="stable")
        return order[: int((self.sequence >= 0).sum())]


_SMALLEST = 2.0**-24
"""The smallest positive float16."""


def narrowed(values: Tensor) -> Tensor:
    """Sampled values as kept: float16, divided by SAMPLE_SCALE. A value that would round to 0 keeps its sign."""
    limit = torch.finfo(torch.float16).max
    exact = values.to(torch.float32)
    found = (exact / SAMPLE_SCALE).clamp_(-limit, limit).to(torch.float16)
    lost = (found == 0) & (exact != 0)
    return torch.where(lost, exact.sign().to(torch.float16) * _SMALLEST, found)
