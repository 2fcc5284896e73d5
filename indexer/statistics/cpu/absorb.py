"""Merging what a sweep found into the state, and entering its examples in the lists, neuron by neuron.

Says the same as `larger`, and as `BestK.place` with `first_positions` and `gather_windows`, bit for bit. What is
needed of a few neurons is turned around first, so that a neuron's values lie side by side.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..rankings import BestK
from ..reduction import RANDOM_ROW
from ..windows import MISSING
from .codes import MAGNITUDE, ONE, encode
from .compiling import compiled
from .rows import BLOCK, STRIP, Array, Deciders, Rows, Values
from .sweep import Swept, spread

_TURN = 8  # offers of a strip and cell from which turning all its values around pays
_LAST = np.int64(0xFFFFFFFF)


class Statistics(NamedTuple):
    """The arrays of the state, shared with its tensors; `sign`: of each row of `extreme` inside its quadrant."""

    counts: Array  # site quadrant neuron, int64
    total: Array  # site 16 neuron, float64
    extreme: Array  # site 16 neuron, float32
    sign: Array  # 16, float32

    @classmethod
    def of(cls, count: Tensor, total: Tensor, extreme: Tensor, sign: Tensor) -> Statistics:
        """Those of tensors; the first three may lack the dimension of the sites."""
        width = count.shape[-1]
        return cls(
            count.view(-1, 4, width).numpy(),
            total.view(-1, 16, width).numpy(),
            extreme.view(-1, 16, width).numpy(),
            sign.flatten().numpy(),
        )


class Lists(NamedTuple):
    """The arrays of the `BestK` of all sites of a stack, shared with its tensors."""

    key: Array
    fold: Array
    sequence: Array
    position: Array
    threshold: Array
    values: Array
    scale: Array
    lanes: Array

    @classmethod
    def of(cls, best: BestK) -> Lists:
        return cls(*(getattr(best, name).numpy() for name in cls._fields))


class Keeping(NamedTuple):
    """How examples are kept."""

    lanes: Array  # lane: which of gate, in, act, post it is
    read: Array  # which of the four are needed for lanes or peaks
    before: int  # tokens of a window before the peak
    fold: bool  # duplicates are one example


def absorb(
    swept: Swept,
    values: Values,
    rows: Rows,
    deciders: Deciders,
    statistics: Statistics,
    ranked: tuple[BestK, tuple[int, ...]],
    random: BestK,
    keeping: Keeping,
    threads: int,
    pool: Executor,
) -> None:
    """Take in a batch: `values` are those that were swept. `ranked`: lists, and which row of 16 each ranks by."""
    random_rows = range(RANDOM_ROW, RANDOM_ROW + len(random.lists) // len(statistics.counts))
    groups = (
        (Lists.of(ranked[0]), np.array(ranked[1], dtype=np.int64)),
        (Lists.of(random), np.array(random_rows, dtype=np.int64)),
    )

    def part(first: int, last: int) -> None:
        _absorb(values, first, last, rows, swept, deciders, statistics, groups[0], groups[1], keeping)

    spread(part, -(-values.width // STRIP), threads, pool)


@compiled
def _absorb(  # type: ignore[no-untyped-def]  # compiled for the arrays it is given
    values, first, last, rows, swept, deciders, statistics, ranked, random, keeping
):  # fmt: skip
    """The strips from `first` to `last`: once a strip's values are turned around, they serve all its offers."""
    longest = 0
    for cell in range(len(rows.site)):
        longest = max(longest, rows.start[cell + 1] - rows.start[cell])
    # quantity neuron place; the room behind keeps neurons out of each other's places in the processor's cache
    turned = np.zeros((4, STRIP, -(-longest // STRIP) * STRIP + STRIP + 4), dtype=np.int32)  # bits
    coded = np.empty(ranked[0].lanes.shape[3] + STRIP, dtype=np.int8)
    for strip in range(first, last):
        low, high = strip * STRIP, min(strip * STRIP + STRIP, values.width)
        _merge(swept, statistics, rows, low, high)
        for cell in range(len(rows.site)):
            offered = _offered(ranked, values.width, swept, rows, deciders, cell, low, high)
            offered += _offered(random, values.width, swept, rows, deciders, cell, low, high)
            if offered == 0:
                continue
            whole = offered >= _TURN
            if whole:
                for quantity in keeping.read:
                    _turn(values, quantity, rows, rows.start[cell], rows.start[cell + 1], low, high, low, 0, turned)
            for group in (ranked, random):
                _enter(values, group, whole, keeping, low, high, cell, swept, rows, deciders, turned, coded)


@compiled
def _merge(swept, statistics, rows, low, high):  # type: ignore[no-untyped-def]
    """Add counts and sums, and keep extremes: of two the larger magnitude, of a tie the positive one."""
    for site in range(len(statistics.counts)):
        for k in range(4):
            for j in range(low, high):
                statistics.counts[site, k, j] += swept.counts[site, k, j]
        for k in range(16):
            for j in range(low, high):
                statistics.total[site, k, j] += swept.total[site, k, j]
    magnitudes = swept.magnitude.view(np.float32)
    for cell in range(len(rows.site)):
        site = rows.site[cell]
        for k in range(16):
            if k >= 8 and len(swept.highest):
                for j in range(low, high):
                    reached = swept.highest[cell, k - 8, j] == swept.magnitude[cell, k, j]
                    value = magnitudes[cell, k, j] * (ONE if reached else -ONE)
                    statistics.extreme[site, k, j] = _larger(statistics.extreme[site, k, j], value)
            else:
                for j in range(low, high):
                    value = magnitudes[cell, k, j] * statistics.sign[k]
                    statistics.extreme[site, k, j] = _larger(statistics.extreme[site, k, j], value)


@compiled
def _larger(one, other):  # type: ignore[no-untyped-def]
    wins = (abs(other) > abs(one)) | ((abs(other) == abs(one)) & (other > one))
    return other if wins else one


@compiled
def _offered(group, width, swept, rows, deciders, cell, low, high):  # type: ignore[no-untyped-def]
    """How many offers of a cell and strip beat their list's threshold."""
    lists, ranks = group
    number, sequence = 0, rows.sequence[cell]
    for each in range(len(ranks)):
        start = (rows.site[cell] * len(ranks) + each) * width
        if ranks[each] < RANDOM_ROW:
            for j in range(low, high):
                key = _ranked_key(swept.magnitude[cell, ranks[each], j], deciders.number[sequence])
                number += key > lists.threshold[start + j]
        else:
            for j in range(low, high):
                key = deciders.random_key[sequence, swept.magnitude[cell, ranks[each], j]]
                number += key > lists.threshold[start + j]
    return number


@compiled
def _ranked_key(found, sequence):  # type: ignore[no-untyped-def]
    """As `magnitude_keys` says."""
    key = (np.int64(found) << 32) | (_LAST - sequence)
    return key if found > 0 else np.int64(-1)


@compiled
def _enter(  # type: ignore[no-untyped-def]
    values, group, whole, keeping, low, high, cell, swept, rows, deciders, turned, coded
):  # fmt: skip
    """Enter the offers of one cell and strip. `whole`: all its values are turned, else none."""
    lists, ranks = group
    begin, end, sequence = rows.start[cell], rows.start[cell + 1], rows.sequence[cell]
    window, before = lists.lanes.shape[3], keeping.before
    for each in range(len(ranks)):
        for j in range(low, high):
            column = (rows.site[cell] * len(ranks) + each) * values.width + j
            found, by_magnitude = swept.magnitude[cell, ranks[each], j], ranks[each] < RANDOM_ROW
            if by_magnitude:
                key = _ranked_key(found, deciders.number[sequence])
            else:
                key = deciders.random_key[sequence, found]
            if key <= lists.threshold[column]:
                continue
            if by_magnitude:
                peak = begin + swept.block[cell, ranks[each], j] * BLOCK
                if not whole:
                    _turn(values, ranks[each] // 4, rows, peak, min(peak + BLOCK, end), j, j + 1, low, 0, turned)
                peak = _find(
                    values,
                    rows,
                    peak,
                    end,
                    ranks[each],
                    found,
                    j,
                    turned[ranks[each] // 4, j - low],
                    peak - begin if whole else 0,
                )
            else:
                drawn = deciders.by_hash[sequence, deciders.by_hash.shape[1] - found]
                peak = begin + np.searchsorted(rows.position[begin:end], drawn)
            position = rows.position[peak]
            slot = _slot(lists, column, deciders.fold[sequence, position], keeping.fold)
            if key <= lists.key[column, slot]:
                continue
            lists.key[column, slot] = key
            if keeping.fold:
                lists.fold[column, slot] = deciders.fold[sequence, position]
            lists.sequence[column, slot] = deciders.number[sequence]
            lists.position[column, slot] = position
            lowest = lists.key[column, 0]
            for other in range(1, lists.key.shape[1]):
                lowest = min(lowest, lists.key[column, other])
            lists.threshold[column] = lowest
            for quantity in range(4):
                bits = _bits(values, quantity, rows.row[peak], j)
                lists.values[column, slot, quantity] = np.int32(bits).view(np.float32)
            start, stop = peak, peak + 1
            while start > begin and rows.position[start - 1] >= position - before:
                start -= 1
            while stop < end and rows.position[stop] < position - before + window:
                stop += 1
            if stop - start < window:
                for lane in range(len(keeping.lanes)):
                    for k in range(window):
                        lists.lanes[column, slot, lane, k] = MISSING
            offset = before - position
            gapless = rows.position[stop - 1] - rows.position[start] == stop - 1 - start
            for lane in range(len(keeping.lanes)):
                quantity = keeping.lanes[lane]
                if not whole:
                    _turn(values, quantity, rows, start, stop, j, j + 1, low, start - begin, turned)
                line = turned[quantity, j - low, start - begin :]
                lists.scale[column, slot, lane] = encode(line, stop - start, coded)
                if gapless:
                    place = np.uint64(rows.position[start] + offset)
                    for k in range(np.uint64(stop - start)):
                        lists.lanes[column, slot, lane, place + k] = coded[k]
                else:
                    for t in range(start, stop):
                        lists.lanes[column, slot, lane, rows.position[t] + offset] = coded[t - start]


@compiled
def _bits(values, quantity, row, j):  # type: ignore[no-untyped-def]
    """Of a value as float32; a bfloat16 is the upper half of one."""
    flat = values.flat[quantity]
    return np.int32(flat[row * values.stride[quantity] + j]) << (32 - 8 * flat.itemsize)


@compiled
def _turn(values, quantity, rows, begin, end, low, high, first, place, turned):  # type: ignore[no-untyped-def]
    """Lay the values of the neurons from `low` to `high` in the kept rows from `begin` to `end` side by side.

    They stand from `place` on; `first` is the first neuron of `turned`.
    """
    flat, stride = values.flat[quantity], values.stride[quantity]
    shift = 32 - 8 * flat.itemsize
    if high - low == STRIP:
        for t in range(begin, end):
            start = rows.row[t] * stride + low
            for j in range(STRIP):  # as many as the compiler knows
                turned[quantity, j, place + t - begin] = np.int32(flat[start + j]) << shift
    else:
        for j in range(low, high):
            for t in range(begin, end):
                turned[quantity, j - first, place + t - begin] = np.int32(flat[rows.row[t] * stride + j]) << shift


@compiled
def _find(values, rows, start, end, rank, wanted, j, line, place):  # type: ignore[no-untyped-def]
    """The first kept row of a block where a quantity has the magnitude `wanted`, in the quadrant of `rank`.

    The block's rows begin with `start`; their values begin in `line` at `place`.
    """
    for t in range(start, min(start + BLOCK, end)):
        if line[place + t - start] & MAGNITUDE == wanted:
            opens, adds = _bits(values, 0, rows.row[t], j), _bits(values, 1, rows.row[t], j)
            quadrant = (0 if opens > 0 else 2) + (0 if adds > 0 else 1)
            if quadrant == rank % 4 and opens & MAGNITUDE and adds & MAGNITUDE:
                return t
    return start  # never: the magnitude is that of one of them


@compiled
def _slot(lists, column, fold, folds):  # type: ignore[no-untyped-def]
    """Where an offer would stand in a list: in the place of its duplicate, else in that of the lowest key."""
    lowest = 0
    for slot in range(lists.key.shape[1]):
        if folds and lists.key[column, slot] >= 0 and lists.fold[column, slot] == fold:
            return slot
        if lists.key[column, slot] < lists.key[column, lowest]:
            lowest = slot
    return lowest
