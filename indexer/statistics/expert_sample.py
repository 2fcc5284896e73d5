"""A uniform sample for each expert of a layer: of the positions routed to it, those with the smallest hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..devices import upload
from .batch import BatchView
from .engine import Sampling
from .placement import Placement
from .sample import Ints, PositionSample

_EMPTY = 2**63 - 1  # larger than any hash


class ExpertUpdate(NamedTuple):
    """Rows that enter the samples: the slot that each takes in the sample of its expert.

    Expert -1 marks a row that enters nowhere.
    """

    expert: Tensor
    slot: Tensor
    row: Tensor  # place among those offered


class ExpertSamples:
    """Which positions the experts of a layer sample; on the device of the experts."""

    def __init__(self, experts: int, size: int, device: torch.device) -> None:
        made = experts + 1  # the last one takes rejected rows
        self._all = {
            "hash": torch.full((made, size), _EMPTY, dtype=torch.int64, device=device),
            "sequence": torch.full((made, size), -1, dtype=torch.int64, device=device),
            "position": torch.zeros((made, size), dtype=torch.int64, device=device),
        }
        self.hash, self.sequence, self.position = (tensor[:experts] for tensor in self._all.values())  # expert slot

    def may_enter(self, expert: Tensor, hashes: Tensor) -> Tensor:
        """Which of a batch's rows may enter the samples of their experts."""
        if not self.hash.shape[1]:
            return torch.zeros_like(expert, dtype=torch.bool)
        return hashes < self.hash.amax(1)[expert]

    def sampling(self, placement: Placement, batch: BatchView) -> Sampling:
        """Which of a batch's rows may enter the samples of their experts."""
        cell, row, position = placement.kept()
        expert, sequence = cell // placement.sequences, cell % placement.sequences
        enters = self.may_enter(expert, batch.hashes[sequence, position])
        number = torch.zeros((len(self.hash),), dtype=torch.int64, device=expert.device)
        return Sampling(expert, row, enters, number.index_add_(0, expert, enters.to(torch.int64)))

    def enter(self, placement: Placement, batch: BatchView, sampling: Sampling, numbers: Ints) -> ExpertUpdate:
        """Enter those of a batch; `numbers`: those of `sampling.number`. Their rows are places among the values."""
        cell, row, position = placement.kept()
        sequence = cell % placement.sequences
        hashes = batch.hashes[sequence, position]
        update = self.offer(sampling.site, hashes, batch.sequence[sequence], position, sampling.enters, numbers)
        return update._replace(row=row[update.row])

    def offer(
        self, expert: Tensor, hashes: Tensor, sequence: Tensor, position: Tensor, enters: Tensor, numbers: Ints
    ) -> ExpertUpdate:
        """Enter a batch's rows, sorted by expert: their hashes, sequence numbers and positions.

        `enters`: the result of `may_enter`; `numbers`: how many of these rows each expert has.
        """
        experts, size = self.hash.shape
        total, width, device = int(numbers.sum()), int(numbers.max(initial=0)), expert.device
        if not total:
            none = expert[:0]
            return ExpertUpdate(none, none, none)
        offered = torch.nonzero_static(enters, size=total)[:, 0]
        expert = expert[offered]
        start = upload(np.cumsum(numbers) - numbers, device)
        row = torch.full((experts, width), -1, dtype=torch.int64, device=device)  # expert offer
        row[expert, torch.arange(total, device=device) - start[expert]] = offered
        everything = torch.cat([self.hash, torch.where(row >= 0, hashes[row.clamp(min=0)], _EMPTY)], 1)
        # stable, and empty slots come before rejected offers: as many leave as enter
        best = everything.argsort(dim=1, stable=True)[:, :size]
        stays = torch.zeros_like(everything, dtype=torch.bool).scatter(1, best, True)
        # at most as many as were offered; -1 stands for the last one
        of, slot = torch.nonzero_static(~stays[:, :size], size=total, fill_value=-1).unbind(1)
        entering = row.flatten()[torch.nonzero_static(stays[:, size:].flatten(), size=total, fill_value=-1)[:, 0]]
        for name, entered in (("hash", hashes), ("sequence", sequence), ("position", position)):
            self._all[name][of, slot] = entered[entering]
        return ExpertUpdate(of, slot, entering)

    def of(self, expert: int) -> PositionSample:
        """A copy of the sample of one expert."""
        sample = PositionSample(self.hash.shape[1])
        for name, tensor in self.tensors().items():
            getattr(sample, name)[:] = tensor[expert].cpu().numpy()
        return sample

    def put(self, expert: int, sample: PositionSample) -> None:
        """Restore the sample of one expert."""
        for name, tensor in self.tensors().items():
            tensor[expert] = torch.from_numpy(getattr(sample, name))

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint keeps, by name."""
        return {"hash": self.hash, "sequence": self.sequence, "position": self.position}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
