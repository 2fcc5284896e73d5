"""Where the rows that routed experts computed belong: expert, sequence and position, and how to reduce them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..devices import upload
from .sample import Ints

_SPREAD = 2
"""Cells of at most this many times as many rows as another are padded to one length."""

_SCRAPS = 0.1
"""The last cells are padded to any length that adds at most this share of all rows."""

_LEAST = 2  # a compiler takes a length of 1 for a special case


class Routing(NamedTuple):
    """The owners of the rows that experts computed; tokens of the flattened batch."""

    expert: Tensor  # row
    token: Tensor  # row
    reached: Tensor  # row: whether the expert was to have it


class Placement(NamedTuple):
    """The rows of a batch that are to be counted, in the order of expert, sequence and position, each pair once.

    A cell is an expert and a sequence: expert * sequences + sequence.
    """

    row: Tensor  # kept: place among the routed rows
    cell: Tensor  # kept
    position: Tensor  # kept: in the sequence
    counts: Ints  # cell: kept rows
    at: Tensor  # cell * length + position: place among the routed rows; -1 where the token was not routed there
    length: int  # positions of a sequence, padding included


class Cells(NamedTuple):
    """Some cells, their rows side by side; what is beyond a cell's own rows repeats its last one."""

    cell: Tensor  # cell
    row: Tensor  # cell place: among the routed rows
    position: Tensor  # cell place: in the sequence
    own: Tensor  # cell place: whether it is a row of the cell, and no padding
    numbers: Ints  # cell: the same as `cell`, on the CPU


class Ordered:
    """Routed rows in the order of expert, sequence and position, with those between them that are not to be counted."""

    def __init__(self, routing: Routing, experts: int, sequences: int, length: int) -> None:
        expert, token, kept = routing
        self._nowhere = nowhere = experts * sequences * length
        self._length = length
        self._key, self._row = torch.where(kept, expert * (sequences * length) + token, nowhere).sort(stable=True)
        self._first = self._key != nowhere
        self._first[1:] &= self._key[1:] != self._key[:-1]
        self.counts = torch.zeros((experts * sequences + 1,), dtype=torch.int64, device=self._key.device)
        self.counts.index_add_(0, self._key // length, self._first.to(torch.int64))
        self.counts = self.counts[:-1]  # cell: rows to be counted

    def placed(self, counts: Ints) -> Placement:
        """What is to be reduced, `counts` being those of this. A token routed to an expert twice occurs once."""
        chosen = torch.nonzero_static(self._first, size=int(counts.sum()))[:, 0]
        key, row = self._key[chosen], self._row[chosen]
        at = torch.full((self._nowhere,), -1, dtype=torch.int64, device=key.device)
        at[key] = row
        return Placement(row, key // self._length, key % self._length, counts, at, self._length)


def groups(placement: Placement) -> Iterator[Cells]:
    """All cells that have rows, in groups of about as many rows each."""
    counts = placement.counts
    start = np.cumsum(counts) - counts
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    for part in _cut(counts[order]):
        cells = order[part]
        places = np.arange(max(int(counts[cells[0]]), _LEAST))[None, :]
        own = places < counts[cells][:, None]
        index = start[cells][:, None] + np.minimum(places, counts[cells][:, None] - 1)
        device = placement.row.device
        cell, kept, inside = (upload(array, device) for array in (cells, index, own))
        yield Cells(cell, placement.row[kept], placement.position[kept], inside, cells)


def _cut(counts: Ints) -> Iterator[slice]:
    """Groups of counts that descend, so that little is added where each is raised to the first of its group."""
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
