# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""A batch's values as kernels read them: `# row neuron`, with the rows of each cell side by side or listed.

A cell is what one site computed for one sequence: site * sequences + sequence.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..activations import Activations
from ..batch import BatchView
from ..placement import Placement

VARYING = ["length", "sequences", "sites"]
"""Arguments that differ from batch to batch: no kernel is compiled again for a special value of them."""


@dataclass(frozen=True)
class Source:
    """Values, and where the rows of each cell are."""

    gate: Tensor  # row neuron
    in_: Tensor
    act: Tensor
    post: Tensor
    counted: Tensor  # sequence position, int32: not 0 where it counts
    start: Tensor  # cell, int64: the place of its first row in `row` and `position`, and their number at the end
    row: Tensor  # place, int64
    position: Tensor  # place, int64
    at: Tensor  # cell position, int64: the row, -1 for none
    routed: bool  # rows are listed; otherwise the last four are not read
    sites: int
    sequences: int
    length: int

    @classmethod
    def of(cls, values: Activations, placement: Placement, batch: BatchView) -> Source:
        rows = Activations(*(_in_rows(value) for value in values.rows()))
        listed = placement.listed()
        counted = batch.counted.view(placement.sequences, placement.length)
        lists = (counted,) * 4 if listed is None else listed
        sizes = placement.sites, placement.sequences, placement.length
        return cls(*rows, counted, *lists, listed is not None, *sizes)

    @property
    def width(self) -> int:
        """Neurons of a site."""
        return self.gate.shape[1]

    @property
    def activations(self) -> Activations:
        return Activations(self.gate, self.in_, self.act, self.post)

    @property
    def cells(self) -> int:
        return self.sites * self.sequences

    @property
    def values(self) -> tuple[Tensor | int, ...]:
        """The four quantities and the distances between their rows, as kernels take them."""
        four = self.activations
        return (*four, *(value.stride(0) for value in four))

    def on_device(self) -> Any:
        """A context in which kernels are launched on the device of the values."""
        return torch.cuda.device(self.gate.device) if self.gate.is_cuda else nullcontext()


def _in_rows(value: Tensor) -> Tensor:
    return value if value.stride(1) == 1 else value.contiguous()


def blocks(number: int, size: int) -> int:
    """How many blocks of a size hold a number of things."""
    return (number + size - 1) // size


@triton.jit
def places(
    start, counted, begin, end, first, listed_row, listed_position, PLACES: tl.constexpr, ROUTED: tl.constexpr
):  # fmt: skip
    """Row, position and whether they count, of some consecutive places of a cell that go from `begin` to `end`.

    `first`: the place of the cell's sequence in `counted`.
    """
    index = start + tl.arange(0, PLACES)
    within = index < end
    if ROUTED:
        row = tl.load(listed_row + index, mask=within, other=0)
        position = tl.load(listed_position + index, mask=within, other=0)
        own = within
    else:
        row = index
        position = index - begin
        own = tl.load(counted + first + position, mask=within, other=0) != 0
    return row, position, own


@triton.jit
def bounds(cell, length, listed_start, ROUTED: tl.constexpr):
    """The first place of a cell, and the first after it."""
    if ROUTED:
        begin = tl.load(listed_start + cell)
        end = tl.load(listed_start + cell + 1)
    else:
        begin = cell * length
        end = begin + length
    return begin, end


@triton.jit
def rows_at(cell, sequence, position, inside, length, counted, at, ROUTED: tl.constexpr):
    """The rows of positions of cells, and whether they have one that counts. All have one shape; `inside`: a mask."""
    if ROUTED:
        row = tl.load(at + cell * length + position, mask=inside, other=-1)
        own = inside & (row >= 0)
    else:
        row = cell * length + position
        own = inside & (tl.load(counted + sequence * length + position, mask=inside, other=0) != 0)
    return row, own
