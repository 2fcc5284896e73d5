"""The parts of a batch that the loops read: counted rows, cell by cell, and the order of examples."""

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
"""Rows of a cell that are read of one strip before the next strip; results are stored after so many rows."""

_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}


class Values(NamedTuple):
    """Activations as they lie in memory: the value of a row and neuron is at row * stride + neuron."""

    flat: tuple[Array, ...]  # of each measure of a layout: bits of float32 (int32) or bfloat16 (int16)
    stride: tuple[int, ...]
    width: int


class Rows(NamedTuple):
    """The counted rows of a batch, in cells; a cell is what one site computed for one sequence.

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
    """The numbers that order the sequences and positions of a batch."""

    number: Array  # sequence, int64: in the order of the corpus
    drawn_key: Array  # sequence priority, int64: the key that orders a draw; -1 for priority 0, which means none
    fold: Array  # sequence position, int64


def laid_out(values: Activations, layout: RowLayout) -> Values:
    """The measures of activations, each `# row neuron` or `# sequence position neuron`.

    Copied only if rows are not evenly spaced, or if types differ or are not float32 or bfloat16. Fewer neurons than a
    strip has are padded with zeros.
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
    # numpy's own result may be columns of one array, for which everything would be compiled again
    cell, row, position = (np.ascontiguousarray(part.numpy()) for part in placement.kept())
    site, sequence = cell // placement.sequences, cell % placement.sequences
    first = np.flatnonzero(np.diff(cell, prepend=-1))  # of each cell
    start = np.append(first, len(cell)).astype(np.int64)
    priority = batch.priority[:, :, 0].numpy()[sequence, position].astype(np.int32)
    drawn = np.argsort(cell * (placement.length + 1) - priority)  # all different
    return Rows(start, site[first], sequence[first], row, position, priority, drawn)


def deciders(batch: BatchView) -> Deciders:
    """The numbers that order the examples of a batch."""
    keys = drawn_keys(batch.hashes.gather(1, batch.by_hash)).flip(1)  # sequence priority - 1
    keys = torch.cat([torch.full_like(keys[:, :1], -1), keys], 1)
    return Deciders(batch.sequence.numpy(), keys.numpy(), batch.folds.numpy())
