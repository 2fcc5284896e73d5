"""A uniform sample for each expert of a layer: of the positions routed to it, those with the smallest hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .sample import PositionSample

_EMPTY = 2**63 - 1  # larger than any hash


class ExpertUpdate(NamedTuple):
    """Rows that enter the samples: the slot that each takes in the sample of its expert."""

    expert: Tensor
    slot: Tensor
    row: Tensor  # place among those offered


class ExpertSamples:
    """Which positions the experts of a layer sample; on the device of the experts."""

    def __init__(self, experts: int, size: int, device: torch.device) -> None:
        self.hash = torch.full((experts, size), _EMPTY, dtype=torch.int64, device=device)
        self.sequence = torch.full((experts, size), -1, dtype=torch.int64, device=device)
        self.position = torch.zeros((experts, size), dtype=torch.int64, device=device)

    def offer(self, expert: Tensor, hashes: Tensor, sequence: Tensor, position: Tensor) -> ExpertUpdate:
        """Enter a batch's rows, sorted by expert: their hashes, sequence numbers and positions."""
        experts, size = self.hash.shape
        if not size:
            none = expert[:0]
            return ExpertUpdate(none, none, none)
        offered = (hashes < self.hash.amax(1)[expert]).nonzero()[:, 0]
        expert = expert[offered]
        number = torch.bincount(expert, minlength=experts)
        width = int(number.amax()) if len(expert) else 0
        place = torch.arange(len(expert), device=expert.device) - (number.cumsum(0) - number)[expert]
        row = torch.full((experts, width), -1, dtype=torch.int64, device=expert.device)  # expert offer
        row[expert, place] = offered
        everything = torch.cat([self.hash, torch.where(row >= 0, hashes[row.clamp(min=0)], _EMPTY)], 1)
        # stable, and empty slots come before what is no offer: as many leave as enter
        best = everything.argsort(dim=1, stable=True)[:, :size]
        stays = torch.zeros_like(everything, dtype=torch.bool).scatter(1, best, True)
        of, slot = (~stays[:, :size]).nonzero().unbind(1)
        entering = row[stays[:, size:]]
        self.hash[of, slot] = hashes[entering]
        self.sequence[of, slot] = sequence[entering]
        self.position[of, slot] = position[entering]
        return ExpertUpdate(of, slot, entering)

    def of(self, expert: int) -> PositionSample:
        """A copy of the sample of one expert."""
        sample = PositionSample(self.hash.shape[1])
        for name, tensor in self.tensors().items():
            getattr(sample, name)[:] = tensor[expert].cpu().numpy()
        return sample

    def put(self, expert: int, sample: PositionSample) -> None:
        """Take up the sample of one expert."""
        for name, tensor in self.tensors().items():
            tensor[expert] = torch.from_numpy(getattr(sample, name))

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint keeps, by name."""
        return {"hash": self.hash, "sequence": self.sequence, "position": self.position}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
