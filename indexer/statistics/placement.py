"""Where the values of a batch belong: the rows of each cell, a cell being what one site computed for one sequence.

Cells are numbered site * sequences + sequence. Dense sites compute every position: their rows stand as they are. The
routed experts of a layer each compute some positions, their rows in any order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..devices import upload
from .activations import Activations
from .batch import BatchView
from .sample import Ints

_SPREAD = 2
"""Cells of at most this many times as many rows as another are padded to one length."""

_SCRAPS = 0.1
"""The last cells are padded to any length that adds at most this share of all rows."""

_LEAST = 2  # the compiler treats a length of 1 as a special case


class Routing(NamedTuple):
    """The owners of the rows that experts computed; tokens of the flattened batch."""

    expert: Tensor  # row
    token: Tensor  # row
    reached: Tensor  # row: whether the row was routed to the expert


class Kept(NamedTuple):
    """The rows that count, in the order of their cells and positions."""

    cell: Tensor
    row: Tensor  # place among all rows
    position: Tensor  # in the sequence


class Listed(NamedTuple):
    """The rows that count, cell by cell, and the row of each position; int64."""

    start: Tensor  # cell: the place of its first row in the two below, and at the end their number
    row: Tensor
    position: Tensor
    at: Tensor  # cell position: -1 for none


class Gathered(NamedTuple):
    """Some cells whose rows are fetched, padded to one length by repeating each cell's last row."""

    cell: Tensor  # cell
    cells: Ints  # cell: the same, on the CPU
    row: Tensor  # cell place: among all rows
    position: Tensor  # cell place: in the sequence


@dataclass(frozen=True)
class Part:
    """Some cells, their rows side by side: all cells in place, or the gathered ones."""

    counted: Tensor  # cell place 1, int32: -1 (all bits) or 0
    priority: Tensor  # cell place 1, float32: as in a `BatchView`
    gathered: Gathered | None = None

    def values(self, of: Activations) -> Activations:
        """The values of the part, each `# cell place neuron`."""
        # fetched first: a compiled loop that fetches as it goes handles one value at a time
        return of if self.gathered is None else of.at(self.gathered.row)

    def positions(self, place: Tensor) -> Tensor:
        """The positions that are at places of the cells (cell column)."""
        if self.gathered is None:
            return place
        position = self.gathered.position
        return position.gather(1, place.clamp(0, position.shape[1] - 1))

    def only(self, wanted: Ints) -> Part | None:
        """The part without gathered cells that aren't `wanted` (0 for a cell); None if no cell is left."""
        if self.gathered is None:
            return self
        cell, cells, row, position = self.gathered
        chosen = np.flatnonzero(wanted[cells])
        of = upload(chosen, cell.device)
        some = Gathered(cell[of], cells[chosen], row[of], position[of])
        return Part(self.counted[of], self.priority[of], some) if len(chosen) else None


class Placement(ABC):
    """Where the rows that some sites computed for a batch are."""

    sites: int
    sequences: int
    length: int  # positions of a sequence, padding included
    alike = False
    """Whether every stack with this kind of placement has the same placement for the batch."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many rows are to be read."""

    @property
    @abstractmethod
    def counted(self) -> list[int]:
        """The counted positions of each site."""

    @abstractmethod
    def kept(self) -> Kept:
        """The rows that count. Unless rows are routed, this asks the device how many there are."""

    def listed(self) -> Listed | None:
        """The rows that count, if they are not side by side as in the batch."""
        return None

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """All cells that have rows, in groups of cells that have about as many."""

    @abstractmethod
    def rows_at(self, cell: Tensor, position: Tensor) -> Tensor:
        """The row of each position in each cell; -1 if it isn't counted. Cells and positions broadcast; any position is
        allowed."""


class Whole(Placement):
    """The placement of dense sites: every position of every sequence, in place, one site after another."""

    alike = True

    def __init__(self, batch: BatchView, sites: int = 1) -> None:
        self.sites = sites
        self._batch = batch
        self.sequences, self.length = batch.hashes.shape
        self._counted = (batch.counted.view(-1) != 0).repeat(sites)

    @property
    def size(self) -> int:
        return self.sites * self.sequences * self.length

    @property
    def counted(self) -> list[int]:
        return [self._batch.tokens_counted] * self.sites

    def kept(self) -> Kept:
        row = self._counted.nonzero()[:, 0]
        return Kept(row // self.length, row, row % self.length)

    def parts(self) -> Iterator[Part]:
        counted, priority = (each.repeat(self.sites, 1, 1) for each in (self._batch.counted, self._batch.priority))
        yield Part(counted, priority)

    def rows_at(self, cell: Tensor, position: Tensor) -> Tensor:
        inside = (position >= 0) & (position < self.length)
        row = cell * self.length + position.clamp(0, self.length - 1)
        return torch.where(inside & self._counted[row], row, -1)


class Routed(Placement):
    """The counted rows of a batch, ordered by site, sequence and position, each (expert, token) pair once."""

    def __init__(self, batch: BatchView, sites: int, key: Tensor, row: Tensor, counts: Ints) -> None:
        """`key`: (site * sequences + sequence) * length + position of each kept row; `counts`: of each cell."""
        self._batch = batch
        self.sites = sites
        self.sequences, self.length = batch.hashes.shape
        self._kept = Kept(key // self.length, row, key % self.length)
        self.counts = counts  # cell: kept rows
        self._at = torch.full((sites * self.sequences * self.length,), -1, dtype=torch.int64, device=key.device)
        self._at[key] = row

    @property
    def size(self) -> int:
        return len(self._kept.row)

    @property
    def counted(self) -> list[int]:
        return [int(number) for number in self.counts.reshape(-1, self.sequences).sum(1)]

    def kept(self) -> Kept:
        return self._kept

    def listed(self) -> Listed:
        start = np.zeros(len(self.counts) + 1, dtype=np.int64)
        np.cumsum(self.counts, out=start[1:])
        kept = self._kept
        return Listed(upload(start, kept.row.device), kept.row, kept.position, self._at)

    def parts(self) -> Iterator[Part]:
        start = np.cumsum(self.counts) - self.counts
        order = np.argsort(-self.counts, kind="stable")[: int((self.counts > 0).sum())]
        for part in _cut(self.counts[order]):
            cells = order[part]
            places = np.arange(max(int(self.counts[cells[0]]), _LEAST))[None, :]
            own = places < self.counts[cells][:, None]
            index = start[cells][:, None] + np.minimum(places, self.counts[cells][:, None] - 1)
            cell, kept, inside = (upload(array, self._kept.row.device) for array in (cells, index, own))
            position = self._kept.position[kept]  # cell place
            priority = self._batch.priority[(cell % self.sequences)[:, None], position]  # cell place 1
            gathered = Gathered(cell, cells, self._kept.row[kept], position)
            yield Part(-inside[:, :, None].to(torch.int32), priority, gathered)

    def rows_at(self, cell: Tensor, position: Tensor) -> Tensor:
        inside = (position >= 0) & (position < self.length)
        return torch.where(inside, self._at[cell * self.length + position.clamp(0, self.length - 1)], -1)


class Ordered:
    """Routed rows ordered by site, sequence and position, those that are not to be counted among them."""

    def __init__(self, routing: Routing, sites: int, batch: BatchView) -> None:
        """`routing`: of the sites of a stack, by their places in it."""
        expert, token, kept = routing
        sequences, length = batch.hashes.shape
        self._batch, self._sites = batch, sites
        nowhere = sites * sequences * length
        self._key, self._row = torch.where(kept, expert * (sequences * length) + token, nowhere).sort(stable=True)
        self._first = self._key != nowhere
        self._first[1:] &= self._key[1:] != self._key[:-1]
        counts = torch.zeros((sites * sequences + 1,), dtype=torch.int64, device=self._key.device)
        counts.index_add_(0, self._key // length, self._first.to(torch.int64))
        self.counts = counts[:-1]  # cell: rows to be counted

    def placed(self, counts: Ints) -> Routed:
        """The rows to reduce, with `counts` rows for each cell. A token routed to an expert twice occurs once."""
        chosen = torch.nonzero_static(self._first, size=int(counts.sum()))[:, 0]
        return Routed(self._batch, self._sites, self._key[chosen], self._row[chosen], counts)


def routed_to(sites: Sequence[int], device: torch.device) -> Tensor:
    """The place in the stack of each expert number; -1 if the stack doesn't hold that expert."""
    place = torch.full((max(sites) + 1,), -1, dtype=torch.int64, device=device)
    place[list(sites)] = torch.arange(len(sites), device=device)
    return place


def _cut(counts: Ints) -> Iterator[slice]:
    """Groups of descending counts, such that raising each count to the first of its group adds little."""
    spare = _SCRAPS * float(counts.sum())
    start = 0
    while start < len(counts):
        top = int(counts[start])
        if (len(counts) - start) * top - float(counts[start:].sum()) <= spare:
            stop = len(counts)
        else:
            stop = start + int((counts[start:] * _SPREAD >= top).sum())
        yield slice(start, stop)
        start = stop
