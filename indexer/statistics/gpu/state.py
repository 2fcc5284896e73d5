# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Compares what a batch's sweep found with the state: marks the offers to lists by magnitude, adds the statistics."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..engine import Filled
from .source import VARYING, Source, blocks
from .sweep import Swept

_NEURONS = 256
NOT_OFFERED = -1


@triton.jit
def magnitude_key(magnitude, number):
    """As `best_k.magnitude_keys`. `number`: of the sequence."""
    bits = magnitude.to(tl.int32, bitcast=True).to(tl.int64)
    return tl.where(bits > 0, (bits << 32) | (0xFFFFFFFF - number), -1)


@triton.jit(do_not_specialize=VARYING)
def _mark(
    magnitudes, threshold, list_rows, sequence, offered, offers, sequences, width,
    LISTS: tl.constexpr, NEURONS: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, NEURONS)
    neuron = (tl.program_id(0) % across) * NEURONS + tl.arange(0, NEURONS)
    column = (tl.program_id(0) // across).to(tl.int64)  # site * lists + list
    real = neuron < width
    row = tl.load(list_rows + column % LISTS)
    least = tl.load(threshold + column * width + neuron, mask=real, other=0)
    number = tl.zeros([NEURONS], tl.int64)
    for place in range(0, sequences):
        at = (((column // LISTS) * sequences + place) * 16 + row) * width + neuron
        key = magnitude_key(tl.load(magnitudes + at, mask=real, other=0.0), tl.load(sequence + place))
        beats = real & (key > least)
        tl.store(offered + at, tl.where(beats, 0, -1), mask=real)
        number += beats.to(tl.int64)
    total = tl.sum(number, 0)
    tl.atomic_add(offers, total, mask=total > 0)


def mark(of: Filled, found: Swept, source: Source, sequence: Tensor, offers: Tensor) -> Tensor:
    """Mark the magnitudes that beat their list: cell row neuron, int32, 0 or NOT_OFFERED.

    Only rows that lists are ordered by are written. The number of marks is added to `offers` (1, int64).
    """
    marks = torch.empty(found.magnitudes.shape, dtype=torch.int32, device=source.gate.device)
    if lists := len(of.ranked_rows):
        _mark[(source.sites * lists * blocks(source.width, _NEURONS),)](
            found.magnitudes, of.ranked.threshold, of.ranked_index, sequence, marks, offers, source.sequences,
            source.width, LISTS=lists, NEURONS=_NEURONS,
        )  # fmt: skip
    return marks


@triton.jit(do_not_specialize=VARYING)
def _absorb(
    counts, totals, magnitudes, signs, count, total, extreme, sequences, width, NEURONS: tl.constexpr
):  # fmt: skip
    across = tl.cdiv(width, NEURONS)
    neuron = (tl.program_id(0) % across) * NEURONS + tl.arange(0, NEURONS)
    line = (tl.program_id(0) // across).to(tl.int64)  # site * 16 + row
    site, row = line // 16, line % 16
    real = neuron < width
    added = tl.zeros([NEURONS], tl.float64)
    most = tl.zeros([NEURONS], tl.float32)
    number = tl.zeros([NEURONS], tl.int64)
    for place in range(0, sequences):
        cell = site * sequences + place
        added += tl.load(totals + (cell * 16 + row) * width + neuron, mask=real, other=0.0)
        most = tl.maximum(most, tl.load(magnitudes + (cell * 16 + row) * width + neuron, mask=real, other=0.0))
        own = real & (row < 4)
        number += tl.load(counts + (cell * 4 + row) * width + neuron, mask=own, other=0).to(tl.int64)
    at = line * width + neuron
    tl.store(total + at, tl.load(total + at, mask=real, other=0.0) + added, mask=real)
    before = tl.load(extreme + at, mask=real, other=0.0)
    found = most * tl.load(signs + row)
    wins = (tl.abs(found) > tl.abs(before)) | ((tl.abs(found) == tl.abs(before)) & (found > before))
    tl.store(extreme + at, tl.where(wins, found, before), mask=real)
    own = real & (row < 4)
    at = (site * 4 + row) * width + neuron
    tl.store(count + at, tl.load(count + at, mask=own, other=0) + number, mask=own)


def absorb(of: Filled, found: Swept, source: Source) -> None:
    """Add a batch's counts and sums to the state, and raise the extremes."""
    _absorb[(source.sites * 16 * blocks(source.width, _NEURONS),)](
        *found, of.signs, of.count, of.total, of.extreme, source.sequences, source.width, NEURONS=_NEURONS
    )
