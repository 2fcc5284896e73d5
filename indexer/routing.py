"""Where the rows that routed experts computed belong: expert, sequence and position, and how to reduce them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_SPREAD = 2
"""Cells of at most this many times as many rows as another are padded to one length."""

_SCRAPS = 0.1
"""The last cells are padded to any length as long as that adds no more than this share of all rows."""

_LEAST = 2  # a compiler takes a length of 1 for a special case


class Placement(NamedTuple):
    """The rows of a batch that are to be counted, in the order of expert, sequence and position, each pair once.

    A cell is an expert and a sequence: expert * sequences + sequence.
    """

    row: Tensor  # kept: place among the routed rows
    cell: Tensor  # kept
    position: Tensor  # kept: in the sequence
    counts: Tensor  # cell: kept rows
    at: Tensor  # cell * length + position: place among the routed rows; -1 where the token was not routed there
    length: int  # positions of a sequence, padding included


class Cells(NamedTuple):
    """Some cells, their rows side by side; what is beyond a cell's own rows repeats its last one."""

    cell: Tensor  # cell
    row: Tensor  # cell place: among the routed rows
    position: Tensor  # cell place: in the sequence
    own: Tensor  # cell place: whether it is a row of the cell, and no padding


def place(expert: Tensor, token: Tensor, kept: Tensor, experts: int, sequences: int, length: int) -> Placement:
    """Order routed rows. `expert`, `token` (in the flattened batch) and `kept` are of each row.

    Returns what is to be reduced. A token that was routed to an expert twice is there once.
    """
    nowhere = experts * sequences * length
    key, order = torch.where(kept, expert * (sequences * length) + token, nowhere).sort(stable=True)
    first = key != nowhere
    first[1:] &= key[1:] != key[:-1]
    chosen = first.nonzero()[:, 0]
    key, row = key[chosen], order[chosen]
    cell = key // length
    at = torch.full((nowhere,), -1, dtype=torch.int64, device=key.device)
    at[key] = row
    return Placement(row, cell, key % length, torch.bincount(cell, minlength=experts * sequences), at, length)


def groups(placement: Placement) -> Iterator[Cells]:
    """All cells that have rows, in groups of about as many rows each."""
    counts = placement.counts.cpu().numpy()
    start = np.cumsum(counts) - counts
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    for part in _cut(counts[order]):
        cells = order[part]
        places = np.arange(max(int(counts[cells[0]]), _LEAST))[None, :]
        own = places < counts[cells][:, None]
        index = start[cells][:, None] + np.minimum(places, counts[cells][:, None] - 1)
        device = placement.row.device
        cell, kept, inside = (torch.from_numpy(array).to(device, non_blocking=True) for array in (cells, index, own))
        yield Cells(cell, placement.row[kept], placement.position[kept], inside)


def _cut(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[slice]:
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
