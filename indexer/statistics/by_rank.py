"""The positions of a batch in the order of their hashes, as draws take them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .batch import BatchView


class ByRank(NamedTuple):
    """The positions of a batch in the order of their hashes; each sequence rank, int64."""

    position: Tensor
    hash: Tensor
    fold: Tensor
    group: Tensor  # the first rank with the same fold key, or its own if that can't be a duplicate

    @classmethod
    def of(cls, batch: BatchView, *, fold: bool) -> ByRank:
        hashes, folds = (each.gather(1, batch.by_hash) for each in (batch.hashes, batch.folds))
        rank = torch.arange(folds.shape[1], device=folds.device).expand_as(folds)
        if not fold:
            return cls(batch.by_hash, hashes, folds, rank.contiguous())
        order = folds.argsort(dim=1, stable=True)
        sorted_folds = folds.gather(1, order)
        again = torch.zeros_like(folds, dtype=torch.bool)
        again[:, 1:] = sorted_folds[:, 1:] == sorted_folds[:, :-1]
        start = torch.where(again, 0, rank).cummax(1).values
        group = torch.empty_like(folds).scatter_(1, order, order.gather(1, start))
        counted = batch.counted[:, :, 0].gather(1, batch.by_hash) != 0
        return cls(batch.by_hash, hashes, folds, torch.where(counted, group, rank))


class LastByRank:
    """The order of the last batch that was asked for: sites share batches."""

    def __init__(self) -> None:
        self._batch: BatchView | None = None
        self._found: ByRank | None = None

    def of(self, batch: BatchView, *, fold: bool) -> ByRank:
        """The order of a batch; `fold`: whether duplicates are told apart. It is the same for all sites of a run."""
        if self._batch is not batch or self._found is None:
            self._batch, self._found = batch, ByRank.of(batch, fold=fold)
        return self._found
