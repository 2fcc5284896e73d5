"""Running best-k lists over an ordering key, with the window of values around each example."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor

from .row_layout import RankingList

EMPTY = -1
NO_OFFER = -2
"""The key that marks the absence of an offer: it never enters a list."""

_STOOD_FOR = -3
_COLUMNS = 32768  # merged at once: bounds the memory that merging takes
_ENTRIES = 2**22  # that offers enter in one step
_KEPT = ("key", "fold", "sequence", "position", "threshold", "values", "scale", "lanes")


class Offers(NamedTuple):
    """Examples to enter into lists, column by column."""

    column: Tensor  # offer
    key: Tensor  # offer
    fold: Tensor | None  # offer; None keeps duplicates apart
    sequence: Tensor  # offer
    position: Tensor  # offer


class Entered(NamedTuple):
    """Offers that entered: their flat places in (column, k), and which offers these are.

    A place past the last column marks a rejected offer.
    """

    slot: Tensor
    offer: Tensor


class BestK:
    """The k best examples of many columns; a column is one list of one neuron: list * width + neuron.

    An example's rank is its int64 `key`, larger is better, never negative; empty places hold -1. Examples with the
    same `fold` key count as one: the better stays. Which examples stay depends on the offers alone, not on their order,
    as long as different examples have different keys.

    After the last column comes one that nobody reads. Rejected offers are written there, so that the number and size
    of the tensors written never depend on the values in them.
    """

    def __init__(
        self, lists: tuple[RankingList, ...], width: int, k: int, window: int, lanes: int, device: torch.device
    ) -> None:
        self.lists = lists
        self.width = width
        self.k = k
        self._columns = columns = len(lists) * width
        made = columns + 1
        self._all = {
            "key": torch.full((made, k), EMPTY, dtype=torch.int64, device=device),
            "fold": torch.zeros((made, k), dtype=torch.int64, device=device),
            "sequence": torch.full((made, k), EMPTY, dtype=torch.int64, device=device),
            "position": torch.zeros((made, k), dtype=torch.int32, device=device),
            "threshold": torch.full((made,), EMPTY, dtype=torch.int64, device=device),
            "values": torch.zeros((made, k, 4), dtype=torch.float32, device=device),
            "scale": torch.zeros((made, k, lanes), dtype=torch.float32, device=device),
            "lanes": torch.full((made, k, lanes, window), -128, dtype=torch.int8, device=device),
        }
        kept = {name: tensor[:columns] for name, tensor in self._all.items()}
        self.key, self.fold, self.sequence, self.position = (kept[name] for name in _KEPT[:4])  # each column k
        self.threshold = kept["threshold"]  # column: the k-th best key
        self.values = kept["values"]  # column k quantity
        self.scale = kept["scale"]  # column k lane
        self.lanes = kept["lanes"]  # column k lane offset

    def enter(self, offers: Offers, touched: int, most: int) -> Entered:
        """Enter offers; `touched` columns have offers, at most `most` each.

        Returns their places; the caller must `keep` their windows.
        """
        column = offers.column
        order = torch.arange(len(column), device=column.device)
        number = torch.zeros((self._columns,), dtype=torch.int64, device=column.device)
        number.index_add_(0, column, torch.ones_like(column))
        before = number.cumsum(0) - number
        columns = torch.nonzero_static(number, size=touched)[:, 0]
        place = ((number > 0).cumsum(0) - 1)[column]  # offer: its column's among those that are touched
        which = torch.full((touched, most), -1, dtype=torch.int64, device=column.device)  # touched offer
        which[place, order - before[column]] = order
        step = max(1, _ENTRIES // (self.k + most))
        found = [
            self._choose(some, whose, offers.key, offers.fold)
            for some, whose in zip(torch.split(columns, step), torch.split(which, step), strict=True)
        ]
        slot, offer = (torch.cat(each) for each in zip(*found, strict=True))
        key, sequence, position = (each[offer] for each in (offers.key, offers.sequence, offers.position))
        self._put(slot, key=key, sequence=sequence, position=position.to(torch.int32))
        if offers.fold is not None:
            self._put(slot, fold=offers.fold[offer])
        return Entered(slot, offer)

    def _choose(self, columns: Tensor, which: Tensor, key: Tensor, fold: Tensor | None) -> Entered:
        """Enter offers (`which`: column offer, -1 for none) into some columns, and set their thresholds."""
        keys = torch.cat([self.key[columns], torch.where(which >= 0, key[which.clamp(min=0)], NO_OFFER)], 1)
        if fold is not None:
            keys = _without_duplicates(keys, torch.cat([self.fold[columns], fold[which.clamp(min=0)]], 1))
        best = keys.topk(self.k, dim=1)  # empty places before rejected offers, so as many leave as enter
        self.threshold[columns] = best.values[:, -1]
        stays = torch.zeros_like(keys, dtype=torch.bool).scatter(1, best.indices, True)
        size = min(len(key), stays[:, : self.k].numel())  # at most; -1 for those beyond
        left, slot = torch.nonzero_static(~stays[:, : self.k], size=size, fill_value=-1).unbind(1)
        flat = torch.where(left >= 0, columns[left] * self.k + slot, self._columns * self.k)
        row, offer = torch.nonzero_static(stays[:, self.k :], size=size, fill_value=-1).unbind(1)
        return Entered(flat, which[row, offer].clamp(min=0))

    def keep(self, slot: Tensor, lanes: Tensor, scale: Tensor, values: Tensor) -> None:
        """Store the windows and the four values of offers that entered; `slot` as `enter` returned it."""
        self._put(slot, lanes=lanes, scale=scale, values=values)

    def _put(self, slot: Tensor, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self._all[name].flatten(0, 1)[slot] = tensor

    def part(self, lists: slice) -> BestK:
        """A view of some consecutive lists of every neuron; it shares this memory, and nothing can enter it."""
        view = copy(self)
        view._all = {}
        view.lists = self.lists[lists]
        start, stop, _ = lists.indices(len(self.lists))
        for name in _KEPT:
            setattr(view, name, getattr(self, name)[start * self.width : stop * self.width])
        return view

    def order(self) -> Tensor:
        """The places of every column, best first, empty ones last: column k."""
        return self.key.argsort(dim=1, descending=True, stable=True)

    def merge(self, other: BestK, *, fold: bool) -> None:
        """Enter the examples of the same lists fed from other sequences; `other` stays as it is."""
        for start in range(0, len(self.key), _COLUMNS):
            part = slice(start, start + _COLUMNS)
            key = torch.cat([self.key[part], other.key[part]], 1)  # column entry
            if fold:
                key = _without_duplicates(key, torch.cat([self.fold[part], other.fold[part]], 1))
            kept_key, kept = key.topk(self.k, dim=1)  # column k
            kept_key = kept_key.clamp(min=EMPTY)
            for name in ("fold", "sequence", "position", "values", "scale", "lanes"):
                mine, theirs = getattr(self, name)[part], getattr(other, name)[part]
                both = torch.cat([mine, theirs], 1)
                mine.copy_(both[torch.arange(len(both), device=both.device)[:, None], kept])
            self.key[part] = kept_key
            self.sequence[part] = torch.where(kept_key >= 0, self.sequence[part], EMPTY)
            self.threshold[part] = kept_key.amin(1)

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint keeps, by name."""
        return {name: getattr(self, name) for name in _KEPT}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        for name in _KEPT:
            getattr(self, name).copy_(tensors[name])


def _without_duplicates(key: Tensor, fold: Tensor) -> Tensor:
    """The keys, lowered below all others for examples that have a better duplicate in the column: column entry."""
    best_first = key.argsort(dim=1, descending=True, stable=True)
    by_fold = best_first.gather(1, fold.gather(1, best_first).argsort(dim=1, stable=True))  # equal ones best first
    filled, folds = key.gather(1, by_fold) >= 0, fold.gather(1, by_fold)
    again = torch.zeros_like(filled)
    again[:, 1:] = (folds[:, 1:] == folds[:, :-1]) & filled[:, :-1] & filled[:, 1:]
    return key.masked_fill(torch.zeros_like(filled).scatter(1, by_fold, again), _STOOD_FOR)


def magnitude_keys(magnitude: Tensor, sequence: Tensor) -> Tensor:
    """Ordering keys by |value|, ties by the lower sequence number; -1 where the value is 0.

    `magnitude` float32 >= 0 and `sequence` int64 < 2^32 broadcast. The bits of a positive float32 order like itself.
    """
    bits = magnitude.view(torch.int32).to(torch.int64)
    return torch.where(bits > 0, (bits << 32) | (0xFFFFFFFF - sequence), EMPTY)


def extent(keys: Tensor, threshold: Tensor) -> Tensor:
    """How many of the offered keys (sequence column) beat their threshold, in how many columns, and at most in one.

    Returns 3, int64.
    """
    number = (keys > threshold).sum(0)  # column
    if not len(number):
        return torch.zeros((3,), dtype=torch.int64, device=number.device)
    return torch.stack([number.sum(), (number > 0).sum(), number.amax()])


def beating(keys: Tensor, threshold: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Sequence and column of the `number` keys (sequence column) that beat their threshold, in the order of columns."""
    column, sequence = torch.nonzero_static((keys > threshold).T, size=number).unbind(1)
    return sequence, column


def drawn_keys(hashes: Tensor) -> Tensor:
    """Ordering keys of a draw: the smallest hash (in [0, 2^63)) is the best."""
    return (2**63 - 1) - hashes
