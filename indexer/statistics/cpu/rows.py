"""What is read of a batch: the rows of values that count, cell by cell, and what decides between examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..activations import Activations
from ..batch import BatchView
from ..best_k import drawn_keys
from ..placement import Placement
from ..row_layout import RowLayout

Array = npt.NDArray[np.generic]

STRIP = 16
"""Neurons that are read side by side: a cache line of float32."""

BLOCK = 16
"""Rows of a cell that are read of one strip before the next strip's: what is found is put aside after so many."""

_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}


class Values(NamedTuple):
    """Activations as they lie in memory: the value of a row and neuron is at row * stride + neuron."""

    flat: tuple[Array, ...]  # of each measure of a layout: bits of float32 (int32) or bfloat16 (int16)
    stride: tuple[int, ...]
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
    drawn: Array  # kept, int64: the places of a cell's rows among the kept, smallest hash first


class Deciders(NamedTuple):
    """What decides between the sequences and positions of a batch."""

    number: Array  # sequence, int64: in the order of the corpus
    drawn_key: Array  # sequence priority, int64: what a draw is ordered by; -1 for priority 0, for none
    fold: Array  # sequence position, int64


def laid_out(values: Activations, layout: RowLayout) -> Values:
    """The measures of activations, each `# row neuron` or `# sequence position neuron`.

    Copied only if rows are not evenly apart, or if types differ or are no others than float32 and bfloat16. Of fewer
    neurons than a strip has, what is missing is filled with zeros.
    """
    width = values.gate.shape[-1]
    measures = [values.product(factors) for factors in layout.measures]
    kinds = {measure.dtype for measure in measures}
    kind = kinds.pop() if len(kinds) == 1 and kinds <= _BITS.keys() else torch.float32
    flat, strides = [], []
    for measure in measures:
        rows = measure.to(kind).reshape(-1, width)
        if width < STRIP:
            rows = torch.nn.functional.pad(rows, (0, STRIP - width))
        elif rows.stride(1) != 1:
            rows = rows.contiguous()
        stride = rows.stride(0) if len(rows) > 1 else rows.shape[1]
        line = rows.as_strided(((len(rows) - 1) * stride + rows.shape[1],), (1,))
        flat.append(line.view(_BITS[kind]).numpy())
        strides.append(stride)
    return Values(tuple(flat), tuple(strides), width)


def kept_rows(placement: Placement, batch: BatchView) -> Rows:
    """The rows of a batch that count."""
    # numpy's own may be columns of one array, for which everything would be compiled once more
    cell, row, position = (np.ascontiguousarray(part.numpy()) for part in placement.kept())
    site, sequence = cell // placement.sequences, cell % placement.sequences
    first = np.flatnonzero(np.diff(cell, prepend=-1))  # of each cell
    start = np.append(first, len(cell)).astype(np.int64)
    priority = batch.priority[:, :, 0].numpy()[sequence, position].astype(np.int32)
    drawn = np.argsort(cell * (placement.length + 1) - priority)  # all different
    return Rows(start, site[first], sequence[first], row, position, priority, drawn)


def deciders(batch: BatchView) -> Deciders:
    """What decides between the examples of a batch."""
    keys = drawn_keys(batch.hashes.gather(1, batch.by_hash)).flip(1)  # sequence priority - 1
    keys = torch.cat([torch.full_like(keys[:, :1], -1), keys], 1)
    return Deciders(batch.sequence.numpy(), keys.numpy(), batch.folds.numpy())
