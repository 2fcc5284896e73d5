"""What is read of a batch: the rows of values that count, cell by cell, and what decides between examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..reduction import Activations
from ..routing import Placement

Array = npt.NDArray[np.generic]

STRIP = 16
"""Neurons that are read side by side: a cache line of float32."""

BLOCK = 16
"""Rows of a cell that are read of one strip before the next strip's: what is found is put aside after so many."""

_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}


class Values(NamedTuple):
    """Activations as they lie in memory: the value of a row and neuron is at row * stride + neuron."""

    flat: tuple[Array, Array, Array, Array]  # of gate, in, act and post: bits of float32 (int32) or bfloat16 (int16)
    stride: tuple[int, int, int, int]
    width: int


class Rows(NamedTuple):
    """The rows of a batch that count, in cells; a cell is what one site computed for one sequence.

    Sites are those of a stack (the experts of a layer) or only one. Cells are in the order of site and sequence, none
    is empty, and a cell's rows are in the order of their positions.
    """

    start: Array  # cell + 1, int64: where its rows begin
    site: Array  # cell, int64: its place in the stack
    sequence: Array  # cell, int64: its place in the batch
    row: Array  # kept, int64: of the values
    position: Array  # kept, int64: in the sequence
    priority: Array  # kept, int32 > 0: larger for a smaller hash, different in a sequence


class Deciders(NamedTuple):
    """What decides between the sequences and positions of a batch."""

    number: Array  # sequence, int64: in the order of the corpus
    by_hash: Array  # sequence rank, int64: positions, smallest hash first
    random_key: Array  # sequence priority, int64: what the random ranking is ordered by; -1 for priority 0, for none
    fold: Array  # sequence position, int64


def laid_out(values: Activations) -> Values:
    """The activations, each `# row neuron` or `# sequence position neuron`; copied only if rows are not evenly apart.

    Of fewer neurons than a strip has, what is missing is filled with zeros.
    """
    width = values.gate.shape[-1]
    flat, strides = [], []
    for value in values:
        rows = value.reshape(-1, width)
        if width < STRIP:
            rows = torch.nn.functional.pad(rows, (0, STRIP - width))
        elif rows.stride(1) != 1:
            rows = rows.contiguous()
        stride = rows.stride(0) if len(rows) > 1 else rows.shape[1]
        line = rows.as_strided(((len(rows) - 1) * stride + rows.shape[1],), (1,))
        flat.append(line.view(_BITS[value.dtype]).numpy())
        strides.append(stride)
    gate, in_, act, post = flat
    return Values((gate, in_, act, post), (strides[0], strides[1], strides[2], strides[3]), width)


def sequence_rows(counted: Tensor, priority: Tensor) -> Rows:
    """Those of whole sequences: `counted` and `priority` are both sequence position 1."""
    kept = counted[:, :, 0].numpy() != 0
    sequence, position = np.nonzero(kept)
    row = np.flatnonzero(kept)
    # nonzero gives columns of one array, for which everything would be compiled once more
    return _rows(sequence, np.zeros_like(sequence), sequence, row, np.ascontiguousarray(position), priority)


def routed_rows(placement: Placement, priority: Tensor) -> Rows:
    """Those that were routed to the experts of a layer; `priority`: sequence position 1."""
    cell, position, row = (part.numpy() for part in (placement.cell, placement.position, placement.row))
    sequences = len(priority)
    return _rows(cell, cell // sequences, cell % sequences, row, position, priority)


def _rows(cell: Array, site: Array, sequence: Array, row: Array, position: Array, priority: Tensor) -> Rows:
    """The kept rows, of which each array tells one thing; cells rise."""
    first = np.flatnonzero(np.diff(cell, prepend=-1))  # of each cell
    start = np.append(first, len(cell)).astype(np.int64)
    ranks = priority[:, :, 0].numpy()[sequence, position].astype(np.int32)
    return Rows(start, site[first], sequence[first], row, position, ranks)
