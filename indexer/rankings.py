"""Running best-k lists over an ordering key, with the window of values around each example."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor

from .quadrants import Quadrant
from .reduction import Fuser

EMPTY = -1
_COLUMNS = 32768  # that are merged at once: bounds the memory for it
_KEPT = ("key", "fold", "sequence", "position", "threshold", "values", "scale", "lanes")


class RankingList(NamedTuple):
    """One list that every neuron keeps: a ranking in a quadrant."""

    ranking: str
    quadrant: Quadrant


class Placed(NamedTuple):
    """Offers that entered their lists: where they stand now, and which offers they were."""

    slot: Tensor  # flat place in (column, k)
    offer: Tensor  # index into the offers


class BestK:
    """The k best examples of many columns; a column is one list of one neuron: list * width + neuron.

    An example's rank is its int64 `key`, larger is better, never negative; empty places hold -1. Examples with the
    same `fold` key are one: the better stands. Which examples stay depends on the offers alone, not on their order,
    as long as different examples have different keys.
    """

    def __init__(
        self, lists: tuple[RankingList, ...], width: int, k: int, window: int, lanes: int, device: torch.device
    ) -> None:
        self.lists = lists
        self.width = width
        self.k = k
        columns = len(lists) * width
        self.key = torch.full((columns, k), EMPTY, dtype=torch.int64, device=device)
        self.fold = torch.zeros((columns, k), dtype=torch.int64, device=device)
        self.sequence = torch.full((columns, k), EMPTY, dtype=torch.int64, device=device)
        self.position = torch.zeros((columns, k), dtype=torch.int32, device=device)
        self.threshold = torch.full((columns,), EMPTY, dtype=torch.int64, device=device)  # the k-th best key
        self.values = torch.zeros((columns, k, 4), dtype=torch.float32, device=device)  # column k quantity
        self.scale = torch.zeros((columns, k, lanes), dtype=torch.float32, device=device)  # column k lane
        self.lanes = torch.full((columns, k, lanes, window), -128, dtype=torch.int8, device=device)

    def place(
        self, column: Tensor, key: Tensor, fold: Tensor | None, sequence: Tensor, position: Tensor, fuse: Fuser
    ) -> Placed:
        """Enter offers, at most one a column, and tell which entered. `fold` None keeps duplicates apart."""
        slot, lowest, enters = fuse(_choose, self.key, self.fold, column, key, fold)
        entered = enters.nonzero()[:, 0]
        column = column[entered]
        flat = column * self.k + slot[entered]
        self.key.view(-1)[flat] = key[entered]
        if fold is not None:
            self.fold.view(-1)[flat] = fold[entered]
        self.sequence.view(-1)[flat] = sequence[entered]
        self.position.view(-1)[flat] = position[entered].to(torch.int32)
        self.threshold[column] = lowest[entered]
        return Placed(flat, entered)

    def place_in_turn(
        self,
        row: Tensor,
        column: Tensor,
        key: Tensor,
        fold: Tensor | None,
        sequence: Tensor,
        position: Tensor,
        fuse: Fuser,
    ) -> Placed:
        """Enter offers, sorted by `row`, row by row, at most one a row and column; those that stand in the end."""
        slots, offers, start = [], [], 0
        for number in torch.bincount(row).tolist():
            part = slice(start, start + number)
            own = None if fold is None else fold[part]
            placed = self.place(column[part], key[part], own, sequence[part], position[part], fuse)
            slots.append(placed.slot)
            offers.append(placed.offer + start)
            start += number
        slot, offer = torch.cat(slots), torch.cat(offers)
        stayed = self.sequence.view(-1)[slot] == sequence[offer]
        return Placed(slot[stayed], offer[stayed])

    def part(self, lists: slice) -> BestK:
        """Some consecutive lists of every neuron, sharing the memory of this."""
        view = copy(self)
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
        """Take up what `tensors` gave."""
        for name in _KEPT:
            getattr(self, name).copy_(tensors[name])


def _without_duplicates(key: Tensor, fold: Tensor) -> Tensor:
    """The keys, but -1 for every example that a better one of the same column stands for: column entry."""
    best_first = key.argsort(dim=1, descending=True, stable=True)
    by_fold = best_first.gather(1, fold.gather(1, best_first).argsort(dim=1, stable=True))  # equal ones best first
    filled, folds = key.gather(1, by_fold) >= 0, fold.gather(1, by_fold)
    again = torch.zeros_like(filled)
    again[:, 1:] = (folds[:, 1:] == folds[:, :-1]) & filled[:, :-1]
    return key.masked_fill(torch.zeros_like(filled).scatter(1, by_fold, again), EMPTY)


def _choose(
    keys: Tensor, folds: Tensor, column: Tensor, key: Tensor, fold: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """For each offer the place it would take, the lowest key of its column then, and whether it enters.

    `keys`, `folds`: column k; the others: offer. The place is that of its duplicate, else that of the lowest key.
    """
    kept = keys[column]  # offer k
    places = torch.arange(kept.shape[1], device=kept.device)
    slot = _first(kept == kept.amin(1, keepdim=True), places)
    if fold is not None:
        same = (folds[column] == fold[:, None]) & (kept >= 0)
        slot = torch.where(same.any(1), _first(same, places), slot)
    chosen = places == slot[:, None]
    enters = key > torch.where(chosen, kept, -1).amax(1)
    lowest = torch.where(chosen, key[:, None], kept).amin(1)
    return slot, lowest, enters


def _first(marked: Tensor, places: Tensor) -> Tensor:
    """The first marked place of each row; without meaning where none is."""
    last = len(places) - 1
    return torch.where(marked, places, last).amin(1)


def magnitude_keys(magnitude: Tensor, sequence: Tensor) -> Tensor:
    """Ordering keys by |value|, ties by the lower sequence number; -1 where the value is 0.

    `magnitude` float32 >= 0 and `sequence` int64 < 2^32 broadcast. The bits of a positive float32 order like itself.
    """
    bits = magnitude.view(torch.int32).to(torch.int64)
    return torch.where(bits > 0, (bits << 32) | (0xFFFFFFFF - sequence), EMPTY)


def random_keys(hashes: Tensor) -> Tensor:
    """Ordering keys of the random ranking: the smallest hash (in [0, 2^63)) is the best."""
    return (2**63 - 1) - hashes
