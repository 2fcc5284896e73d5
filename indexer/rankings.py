"""Running best-k lists over an ordering key, with the window of values around each example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class BestK:
    """The k best examples of many columns; a column is one list of one neuron: list * width + neuron.

    An example's rank is its int64 `key`, larger is better, never negative; empty places hold -1. Examples with the
    same `fold` key are one: the better stands. Which examples stay depends on the offers alone, not on their order,
    as long as different examples have different keys.

    Behind the last column is one that nobody reads: what doesn't stay is written there, so that how many tensors of
    which size are written never depends on what they hold.
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

    def place(
        self, column: Tensor, key: Tensor, fold: Tensor | None, sequence: Tensor, position: Tensor, fuse: Fuser
    ) -> Tensor:
        """Enter offers, at most one a column; `fold` None keeps duplicates apart.

        Returns the flat place in (column, k) that each took, behind the last column for those that didn't enter.
        """
        slot, lowest, enters = fuse(_choose, self.key, self.fold, column, key, fold)
        flat = torch.where(enters, column * self.k + slot, self._columns * self.k)
        self._put(flat, key=key, sequence=sequence, position=position.to(torch.int32))
        if fold is not None:
            self._put(flat, fold=fold)
        self._all["threshold"][torch.where(enters, column, self._columns)] = lowest
        return flat

    def place_in_turn(
        self,
        numbers: Sequence[int],
        column: Tensor,
        key: Tensor,
        fold: Tensor | None,
        sequence: Tensor,
        position: Tensor,
        fuse: Fuser,
    ) -> Tensor:
        """Enter the offers of one sequence after the other: `numbers` of each, at most one a sequence and column.

        Returns the flat place of each in the end, behind the last column for those that don't stand.
        """
        slots, start = [], 0
        for number in numbers:
            part = slice(start, start + number)
            start += number
            if number:
                own = None if fold is None else fold[part]
                slots.append(self.place(column[part], key[part], own, sequence[part], position[part], fuse))
        slot = torch.cat(slots)
        stands = self._all["sequence"].view(-1)[slot] == sequence
        return torch.where(stands, slot, self._columns * self.k)

    def keep(self, slot: Tensor, lanes: Tensor, scale: Tensor, values: Tensor) -> None:
        """Put the windows and the four values of placed offers beside them, at what `place_in_turn` returned."""
        self._put(slot, lanes=lanes, scale=scale, values=values)

    def _put(self, slot: Tensor, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self._all[name].flatten(0, 1)[slot] = tensor

    def part(self, lists: slice) -> BestK:
        """Some consecutive lists of every neuron, sharing the memory of this, in which nothing can be placed."""
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
