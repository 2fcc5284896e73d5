# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Finds the offers to draws: in each quadrant the first positions by hash that can enter a list.

A program goes through the positions of a sequence in the order of their hashes, for some neurons of a site, until
none of their lists can take any more. Of duplicates only the first is offered. Tiles in which a fold key occurs again
are walked position by position: a duplicate repeats the key of one that was found. Triton has no arrays of registers,
so the four quadrants have names.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..by_rank import ByRank
from ..engine import Filled
from .source import VARYING, Source, blocks, rows_at

_RANKS, _NEURONS, _WARPS = 16, 32, 4


class Drawn(NamedTuple):
    """The offers of each cell, quadrant and neuron: so many, and their ranks by hash."""

    number: Tensor  # cell quadrant neuron, int32
    rank: Tensor  # cell quadrant offer neuron, int32


@triton.jit
def _tile(rank, number, key, inside, beats, place, width, neuron, found, TAKE: tl.constexpr):
    """Take the positions of a tile (rank neuron) that lie in a quadrant. Returns how many are found now."""
    own = inside & (key[:, None] > beats[None, :])
    at = number[None, :] + tl.cumsum(own.to(tl.int32), 0) - 1
    own = own & (at < TAKE)
    tl.store(rank + (place + at) * width + neuron[None, :], found[:, None], mask=own)
    return number + tl.sum(own.to(tl.int32), 0)


@triton.jit
def _single(rank, number, key, inside, beats, place, width, neuron, found, own_group, group, TAKE: tl.constexpr):
    """Take one position for all neurons, unless one that was found has its fold key. Returns how many are found."""
    own = inside & (key > beats) & (number < TAKE)
    again = tl.where(own, 0, 0)
    for at in range(TAKE):
        there = own & (at < number)
        other = tl.load(rank + (place + at) * width + neuron, mask=there, other=0)
        same = tl.load(group + other, mask=there, other=-1) == own_group
        again = tl.where(there & same, 1, again)
    own = own & (again == 0)
    tl.store(rank + (place + number) * width + neuron, tl.where(own, found, 0), mask=own)
    return number + own.to(tl.int32)


@triton.jit
def _open(number, least, key, TAKE: tl.constexpr):
    """Whether any neuron's list can still take a position with this key."""
    return tl.max(((number < TAKE) & (least < key)).to(tl.int32), 0)


@triton.jit(do_not_specialize=VARYING)
def _draw(
    gate, in_, gate_step, in_step, counted, at_row, by_rank, hashes, group, threshold, numbers, ranks,
    length, sequences, width,
    RANKS: tl.constexpr, NEURONS: tl.constexpr, TAKE: tl.constexpr, ROUTED: tl.constexpr, FOLD: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, NEURONS)
    cell = (tl.program_id(0) // across).to(tl.int64)
    neuron = (tl.program_id(0) % across) * NEURONS + tl.arange(0, NEURONS)
    real = neuron < width
    site, sequence = cell // sequences, cell % sequences
    by_rank += sequence * length
    hashes += sequence * length
    group += sequence * length
    column = site * 4 * width + neuron
    top = 0x7FFFFFFFFFFFFFFF
    t0 = tl.load(threshold + column, mask=real, other=0x7FFFFFFFFFFFFFFF)
    t1 = tl.load(threshold + column + width, mask=real, other=0x7FFFFFFFFFFFFFFF)
    t2 = tl.load(threshold + column + 2 * width, mask=real, other=0x7FFFFFFFFFFFFFFF)
    t3 = tl.load(threshold + column + 3 * width, mask=real, other=0x7FFFFFFFFFFFFFFF)
    none = tl.zeros([NEURONS], tl.int32)
    n0, n1, n2, n3 = none, none, none, none
    place = cell * 4 * TAKE
    start = tl.full([], 0, tl.int32)
    key = top - tl.load(hashes)
    going = _open(n0, t0, key, TAKE) + _open(n1, t1, key, TAKE) + _open(n2, t2, key, TAKE) + _open(n3, t3, key, TAKE)
    while going > 0:
        rank = start + tl.arange(0, RANKS)
        within = rank < length
        position = tl.load(by_rank + rank, mask=within, other=0)
        same = tl.load(group + rank, mask=within, other=0)
        again = 0
        if FOLD:
            again = tl.max((within & (same < rank)).to(tl.int32), 0)
        if again == 0:
            keys = top - tl.load(hashes + rank, mask=within, other=0)
            row, own = rows_at(cell, sequence, position, within, length, counted, at_row, ROUTED)
            mask = own[:, None] & real[None, :]
            g = tl.load(gate + row[:, None] * gate_step + neuron[None, :], mask=mask, other=0.0).to(tl.float32)
            i = tl.load(in_ + row[:, None] * in_step + neuron[None, :], mask=mask, other=0.0).to(tl.float32)
            n0 = _tile(ranks, n0, keys, (g > 0) & (i > 0), t0, place, width, neuron, rank, TAKE)
            n1 = _tile(ranks, n1, keys, (g > 0) & (i < 0), t1, place + TAKE, width, neuron, rank, TAKE)
            n2 = _tile(ranks, n2, keys, (g < 0) & (i > 0), t2, place + 2 * TAKE, width, neuron, rank, TAKE)
            n3 = _tile(ranks, n3, keys, (g < 0) & (i < 0), t3, place + 3 * TAKE, width, neuron, rank, TAKE)
        else:
            for this in range(start, tl.minimum(start + RANKS, length)):
                tl.debug_barrier()  # what other threads stored is read
                key = top - tl.load(hashes + this)
                own_group = tl.load(group + this)
                row, own = rows_at(
                    cell, sequence, tl.load(by_rank + this), this < length, length, counted, at_row, ROUTED
                )
                g = tl.load(gate + row * gate_step + neuron, mask=own & real, other=0.0).to(tl.float32)
                i = tl.load(in_ + row * in_step + neuron, mask=own & real, other=0.0).to(tl.float32)
                n0 = _single(ranks, n0, key, (g > 0) & (i > 0), t0, place, width, neuron, this, own_group, group, TAKE)
                n1 = _single(
                    ranks, n1, key, (g > 0) & (i < 0), t1, place + TAKE, width, neuron, this, own_group, group, TAKE
                )
                n2 = _single(
                    ranks, n2, key, (g < 0) & (i > 0), t2, place + 2 * TAKE, width, neuron, this, own_group, group,
                    TAKE,
                )  # fmt: skip
                n3 = _single(
                    ranks, n3, key, (g < 0) & (i < 0), t3, place + 3 * TAKE, width, neuron, this, own_group, group,
                    TAKE,
                )  # fmt: skip
        tl.debug_barrier()
        start += RANKS
        key = top - tl.load(hashes + start, mask=start < length, other=0)
        going = _open(n0, t0, key, TAKE) + _open(n1, t1, key, TAKE) + _open(n2, t2, key, TAKE)
        going = tl.where(start < length, going + _open(n3, t3, key, TAKE), 0)
    column = cell * 4 * width + neuron
    tl.store(numbers + column, n0, mask=real)
    tl.store(numbers + column + width, n1, mask=real)
    tl.store(numbers + column + 2 * width, n2, mask=real)
    tl.store(numbers + column + 3 * width, n3, mask=real)


def draw(of: Filled, source: Source, by_rank: ByRank, take: int) -> Drawn:
    """The offers of a batch to the draws, at most `take` of each sequence."""
    cells, width, device = source.cells, source.width, source.gate.device
    found = Drawn(
        torch.empty((cells, 4, width), dtype=torch.int32, device=device),
        torch.empty((cells, 4, take, width), dtype=torch.int32, device=device),
    )
    _draw[(cells * blocks(width, _NEURONS),)](
        source.gate, source.in_, source.gate.stride(0), source.in_.stride(0), source.counted, source.at,
        by_rank.position, by_rank.hash, by_rank.group, of.drawn.threshold, *found,
        source.length, source.sequences, width,
        RANKS=_RANKS, NEURONS=_NEURONS, TAKE=take, ROUTED=source.routed, FOLD=of.settings.duplicates == "fold",
        num_warps=_WARPS,
    )  # fmt: skip
    return found
