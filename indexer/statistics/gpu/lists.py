# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Enters offers into lists of the k best, as `best_k.BestK.enter` does, and notes which places are new.

A program has some columns of a list, and goes through the sequences of the batch. The places whose entries are new in
the end are noted, in any order, for `windows` to fill.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..batch import BatchView
from ..best_k import BestK
from ..by_rank import ByRank
from ..engine import Filled
from .draws import Drawn
from .merging import keep, load, merge
from .source import VARYING, Source, blocks
from .state import magnitude_key

MOST = 64
"""The longest lists: all entries are compared with each other."""

_TOGETHER = 4  # sequences whose offers by magnitude are entered at once
_PAIRS, _COLUMNS = 2048, 8
"""Pairs of entries that a program compares at once, and lists that it has at most."""


class New(NamedTuple):
    """The places that have new entries."""

    number: Tensor  # 1, int64
    place: Tensor  # int64: column * k + place in the list; so many are written
    sequence: Tensor  # int32: the place of its sequence in the batch


@triton.jit(do_not_specialize=[*VARYING, "k"])
def _enter_ranked(
    keys, folds, sequences_of, positions, thresholds, number, places, rows,
    marks, magnitudes, list_rows, numbers, fold_keys, length, sequences, width, k,
    LISTS: tl.constexpr, COLUMNS: tl.constexpr, ENTRIES: tl.constexpr, OFFERS: tl.constexpr, FOLD: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, COLUMNS)
    this = tl.program_id(0) % LISTS  # the lists of a neuron side by side: their windows overlap
    block = tl.program_id(0) // LISTS % across
    site = (tl.program_id(0) // (LISTS * across)).to(tl.int64)
    neuron = block * COLUMNS + tl.arange(0, COLUMNS)
    real = neuron < width
    row = tl.load(list_rows + this)
    column = (site * LISTS + this) * width + neuron
    offered = tl.full([], 0, tl.int32)
    for start in range(0, sequences, OFFERS):
        place = start + tl.arange(0, OFFERS)
        there = real[:, None] & (place < sequences)[None, :]
        at = ((site * sequences + place)[None, :] * 16 + row) * width + neuron[:, None]
        found = tl.load(marks + at, mask=there, other=-1)
        offered += tl.max(tl.max((found >= 0).to(tl.int32), 1), 0)
    if offered > 0:
        slot, own, before, fold = load(keys, folds, column, real, k, ENTRIES)
        key = before
        sequence = tl.full([COLUMNS, ENTRIES], -1, tl.int64)
        position = tl.zeros([COLUMNS, ENTRIES], tl.int32)
        batch_row = tl.zeros([COLUMNS, ENTRIES], tl.int32)
        for start in range(0, sequences, OFFERS):
            place = start + tl.arange(0, OFFERS)
            there = real[:, None] & (place < sequences)[None, :]
            at = ((site * sequences + place)[None, :] * 16 + row) * width + neuron[:, None]
            found = tl.load(marks + at, mask=there, other=-1)
            if tl.max(tl.max((found >= 0).to(tl.int32), 1), 0) > 0:
                numbered = tl.load(numbers + place, mask=place < sequences, other=0)[None, :]
                given = magnitude_key(tl.load(magnitudes + at, mask=there, other=0.0), numbered)
                given = tl.where(found >= 0, given, -2)
                folded = given
                if FOLD:
                    folded = tl.load(fold_keys + place[None, :] * length + found, mask=found >= 0, other=0)
                key, fold, sequence, position, batch_row = merge(
                    key, fold, sequence, position, batch_row,
                    given, folded, numbered + 0 * given, found, place[None, :] + 0 * found, k, FOLD,
                )  # fmt: skip
        keep(
            keys, folds, sequences_of, positions, thresholds, number, places, rows, slot, own, column, real, before,
            key, fold, sequence, position, batch_row, FOLD,
        )  # fmt: skip


@triton.jit(do_not_specialize=[*VARYING, "k"])
def _enter_drawn(
    keys, folds, sequences_of, positions, thresholds, number, places, rows,
    found_number, found_rank, by_rank, hashes, fold_keys, numbers, length, sequences, width, k,
    COLUMNS: tl.constexpr, ENTRIES: tl.constexpr, OFFERS: tl.constexpr, TAKE: tl.constexpr, FOLD: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, COLUMNS)
    quadrant = tl.program_id(0) % 4
    block = tl.program_id(0) // 4 % across
    site = (tl.program_id(0) // (4 * across)).to(tl.int64)
    neuron = block * COLUMNS + tl.arange(0, COLUMNS)
    real = neuron < width
    column = (site * 4 + quadrant) * width + neuron
    offer = tl.arange(0, OFFERS)
    offered = tl.full([], 0, tl.int32)
    for place in range(0, sequences):
        cell = (site * sequences + place) * 4 + quadrant
        offered += tl.max(tl.load(found_number + cell * width + neuron, mask=real, other=0), 0)
    if offered > 0:
        slot, own, before, fold = load(keys, folds, column, real, k, ENTRIES)
        key = before
        sequence = tl.full([COLUMNS, ENTRIES], -1, tl.int64)
        position = tl.zeros([COLUMNS, ENTRIES], tl.int32)
        batch_row = tl.zeros([COLUMNS, ENTRIES], tl.int32)
        for place in range(0, sequences):
            cell = (site * sequences + place) * 4 + quadrant
            many = tl.load(found_number + cell * width + neuron, mask=real, other=0)
            if tl.max(many, 0) > 0:
                there = real[:, None] & (offer[None, :] < many[:, None])
                at = (cell * TAKE + offer[None, :]) * width + neuron[:, None]
                rank = tl.load(found_rank + at, mask=there, other=0) + place * length.to(tl.int64)
                given = tl.where(there, 0x7FFFFFFFFFFFFFFF - tl.load(hashes + rank, mask=there, other=0), -2)
                folded = given
                if FOLD:
                    folded = tl.load(fold_keys + rank, mask=there, other=0)
                found = tl.load(by_rank + rank, mask=there, other=0).to(tl.int32)
                key, fold, sequence, position, batch_row = merge(
                    key, fold, sequence, position, batch_row,
                    given, folded, tl.load(numbers + place) + 0 * given, found, place + 0 * found, k, FOLD,
                )  # fmt: skip
        keep(
            keys, folds, sequences_of, positions, thresholds, number, places, rows, slot, own, column, real, before,
            key, fold, sequence, position, batch_row, FOLD,
        )  # fmt: skip


def _room(best: BestK, most: int) -> New:
    """Room for the new places: at most as many as entries of the lists, and as offers."""
    device = best.key.device
    made = min(best.key.numel(), most)
    return New(
        torch.zeros((1,), dtype=torch.int64, device=device),
        torch.empty((made,), dtype=torch.int64, device=device),
        torch.empty((made,), dtype=torch.int32, device=device),
    )


def _columns(entries: int, offers: int) -> int:
    """Columns of a program."""
    return max(2, min(_COLUMNS, _PAIRS // (entries * max(entries, offers))))


def _power(number: int) -> int:
    """The power of 2 that holds a number of things, at least 2."""
    power: int = triton.next_power_of_2(max(number, 2))
    return power


def enter_ranked(of: Filled, source: Source, marks: Tensor, magnitudes: Tensor, batch: BatchView, most: int) -> New:
    """Enter the offers by magnitude, at most `most`. `marks`: their positions, or NOT_OFFERED."""
    best, lists = of.ranked, len(of.ranked_rows)
    new = _room(best, most)
    entries = _power(best.k)
    columns = _columns(entries, _TOGETHER)
    _enter_ranked[(source.sites * lists * blocks(source.width, columns),)](
        best.key, best.fold, best.sequence, best.position, best.threshold, *new,
        marks, magnitudes, of.ranked_index, batch.sequence, batch.folds, source.length, source.sequences,
        source.width, best.k, LISTS=lists, COLUMNS=columns, ENTRIES=entries, OFFERS=_TOGETHER,
        FOLD=of.settings.duplicates == "fold",
    )  # fmt: skip
    return new


def enter_drawn(of: Filled, source: Source, drawn: Drawn, by_rank: ByRank, batch: BatchView) -> New:
    """Enter the offers to draws."""
    best, take = of.drawn, drawn.rank.shape[2]
    new = _room(best, drawn.rank.numel())
    entries, offers = _power(best.k), _power(take)
    columns = _columns(entries, offers)
    _enter_drawn[(source.sites * 4 * blocks(source.width, columns),)](
        best.key, best.fold, best.sequence, best.position, best.threshold, *new,
        *drawn, by_rank.position, by_rank.hash, by_rank.fold, batch.sequence, source.length, source.sequences,
        source.width, best.k, COLUMNS=columns, ENTRIES=entries, OFFERS=offers, TAKE=take,
        FOLD=of.settings.duplicates == "fold",
    )  # fmt: skip
    return new
