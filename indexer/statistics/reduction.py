"""A batch's quadrant statistics, cell by cell: pure tensor functions, written so that a compiler can fuse them.

A cell is what one site computed for one sequence; its values are rows of `# cell place neuron`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from ..quadrants import Quantity
from .activations import Activations
from .fuser import Fuser
from .row_layout import RowLayout

_SPAN = 32
FETCHED = 2**22
"""Values of a quantity that are fetched at once."""

_MAGNITUDE = 0x7FFFFFFF  # a float32 without its sign
_INFINITY = 0x7F800000


class Reduction(NamedTuple):
    """Statistics of each cell. `row_layout` describes the rows of `totals`, `RowLayout` the rows of `magnitudes`."""

    counts: Tensor  # cell quadrant neuron, int32
    totals: Tensor  # cell 16 neuron, float64
    magnitudes: Tensor  # cell row neuron: the largest |value|, 0 where the quadrant holds none; then priorities
    finite: Tensor  # cell neuron: whether every counted value is finite


def reduce_batch(values: Activations, counted: Tensor, priority: Tensor, layout: RowLayout, fuse: Fuser) -> Reduction:
    """Counts, sums and largest magnitudes of each quadrant, quantity, cell and neuron.

    `counted`: cell place 1, int32, -1 (all bits) or 0. `priority`: cell place 1, float32 > 0, larger for a smaller
    hash: the largest in a quadrant tells which of its positions is drawn first.
    """
    if fuse.enabled:
        return fuse(reduce_whole, values, counted, priority, layout)
    parts = (reduce_whole(values.span(part), counted[:, part], priority[:, part], layout) for part in _spans(values))
    whole = next(parts)
    for part in parts:
        whole = Reduction(
            whole.counts + part.counts,
            whole.totals + part.totals,
            torch.maximum(whole.magnitudes, part.magnitudes),
            whole.finite & part.finite,
        )
    return whole


def first_places(
    values: Activations, counted: Tensor, magnitudes: Tensor, rows: tuple[int, ...], layout: RowLayout, fuse: Fuser
) -> Tensor:
    """The first place in each cell at which a quadrant's largest magnitude occurs.

    `magnitudes`: cell row neuron, from `reduce_batch`; `rows`: the wanted rows. Returns cell row neuron, int64;
    meaningless where the magnitude is 0.
    """
    length = values.gate.shape[1]
    # the largest distance from the end is the first place
    distance = torch.arange(length, 0, -1, dtype=torch.int32, device=counted.device)[None, :, None]
    if fuse.enabled:
        farthest = fuse(_farthest, values, counted, distance, magnitudes, rows, layout)
    else:
        spans = _spans(values)
        farthest = torch.stack(
            [_farthest(values.span(s), counted[:, s], distance[:, s], magnitudes, rows, layout) for s in spans]
        ).amax(0)
    return length - farthest.to(torch.int64)


class Peaks(NamedTuple):
    """Some of the largest magnitudes of cells."""

    row: Tensor  # peak position: the place among all rows, -1 where the cell has none
    neuron: Tensor  # peak
    kind: Tensor  # peak: which row of magnitudes it is
    magnitude: Tensor  # peak, float32


def peak_positions(values: Activations, peaks: Peaks, measures: Collection[int], layout: RowLayout) -> Tensor:
    """The result of `first_places` for some magnitudes of these measures: peak, int64.

    `values`: `# row neuron`. Fetches only those of the peaks' cells and neurons.
    """
    at = at_places(values, peaks.row, peaks.neuron)
    wanted, kind = _bits(peaks.magnitude)[:, None], peaks.kind[:, None]
    inside = in_quadrant(at.gate, at.in_, kind % 4) & (peaks.row >= 0)
    hit = torch.zeros_like(inside)
    for measure in measures:
        hit |= ((_bits(at.product(layout.measures[measure])) & _MAGNITUDE) == wanted) & (kind // 4 == measure)
    length = peaks.row.shape[1]
    distance = torch.arange(length, 0, -1, dtype=torch.int32, device=wanted.device)
    return length - torch.where(inside & hit, distance, 0).amax(1).to(torch.int64)


def at_places(values: Activations, row: Tensor, neuron: Tensor) -> Activations:
    """The values of some neurons, each at its own rows (peak place), taken from `# row neuron`: each `# peak place`."""
    place = row.clamp(min=0), neuron[:, None]
    return Activations(*(value[place] for value in values))


def in_quadrant(gate: Tensor, in_: Tensor, quadrant: Tensor) -> Tensor:
    """Whether values lie in a quadrant, given by its place; all broadcast."""
    inside = ((gate > 0) & (quadrant < 2)) | ((gate < 0) & (quadrant >= 2))
    return inside & (((in_ > 0) & (quadrant % 2 == 0)) | ((in_ < 0) & (quadrant % 2 == 1)))


def _spans(values: Activations) -> list[slice]:
    """Slices of the places. On a CPU, tensors of a slice stay in its cache from one operation to the next."""
    rows, length, width = values.gate.shape
    step = _SPAN if values.gate.device.type == "cpu" else max(_SPAN, FETCHED * 4 // (rows * width))
    return [slice(start, start + step) for start in range(0, length, step)]


def _bits(value: Tensor) -> Tensor:
    """The bits of the value in float32, as int32. Those of magnitudes order like the magnitudes.

    Masking and comparing bits takes half the instructions that floats take, which need extra ones for NaN.
    """
    return value.to(torch.float32).view(torch.int32)


def _quadrant_masks(values: Activations, counted: Tensor) -> tuple[Tensor, ...]:
    """Where each quadrant is visited, by the signs of gate and in alone: four int32 masks of -1 (all bits) or 0.

    Each is `# cell place neuron`.
    """
    opened = (values.gate > 0).to(torch.int32) * counted
    closed = (values.gate < 0).to(torch.int32) * counted
    positive, negative = -(values.in_ > 0).to(torch.int32), -(values.in_ < 0).to(torch.int32)
    return opened & positive, opened & negative, closed & positive, closed & negative


def reduce_whole(values: Activations, counted: Tensor, priority: Tensor, layout: RowLayout) -> Reduction:
    """`reduce_batch` in one piece, to be compiled."""
    masks = _quadrant_masks(values, counted)
    totals, magnitudes = [], []
    largest = torch.zeros((), dtype=torch.int32, device=counted.device)
    for value in values:
        bits = _bits(value)
        magnitude = bits & _MAGNITUDE
        largest = torch.maximum(largest, magnitude & counted)
        for mask in masks:
            totals.append((bits & mask).view(torch.float32).sum(1, dtype=torch.float64))
            magnitudes.append((magnitude & mask).amax(1))
    for factors in layout.products:
        magnitude = _bits(values.product(factors)) & _MAGNITUDE
        magnitudes += [(magnitude & mask).amax(1) for mask in masks]
    magnitudes += [(_bits(priority) & mask).amax(1) for mask in masks]
    counts = -torch.stack([mask.sum(1, dtype=torch.int32) for mask in masks], 1)
    return Reduction(
        counts,
        torch.stack(totals, 1),
        torch.stack(magnitudes, 1).view(torch.float32),
        largest.amax(1) < _INFINITY,
    )


def _farthest(
    values: Activations,
    counted: Tensor,
    distance: Tensor,
    magnitudes: Tensor,
    rows: tuple[int, ...],
    layout: RowLayout,
) -> Tensor:
    masks = _quadrant_masks(values, counted)
    wanted = _bits(magnitudes)
    found = []
    for row in rows:
        value = values.product(layout.measures[row // 4])
        hit = ((_bits(value) & _MAGNITUDE) == wanted[:, row, None, :]).to(torch.int32)
        found.append((-hit & masks[row % 4] & distance).amax(1))
    return torch.stack(found, 1)  # cell row neuron


UNSIGNED = (Quantity.ACT, Quantity.POST)
"""The quantities that can have either sign in a quadrant if the activation doesn't keep the sign of its input."""


def signed_extremes(values: Activations, counted: Tensor) -> Tensor:
    """The value of the largest magnitude of act and post in each quadrant and cell, signed: cell 8 neuron, float32."""
    extremes = []
    masks = _quadrant_masks(values, counted)
    for quantity in UNSIGNED:
        bits = _bits(values[quantity.place])
        for mask in masks:
            inside = (bits & mask).view(torch.float32)
            extremes.append(larger_end(inside, 1))
    return torch.stack(extremes, 1)


def larger_end(values: Tensor, dim: int) -> Tensor:
    """Along a dimension, the value of the largest magnitude; in a tie the positive one."""
    high, low = values.amax(dim), values.amin(dim)
    return torch.where(high >= -low, high, low)
