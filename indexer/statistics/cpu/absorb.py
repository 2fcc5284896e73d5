"""Merges the results of a sweep into the state, and enters its examples in the lists, neuron by neuron.

The result is that of `larger`, `BestK.enter`, `first_places` and `gather_windows`, bit for bit. The needed values of a
few neurons are transposed first, so that a neuron's values lie side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...database.format.prediction import NOT_COUNTED
from ...quadrants import QUANTITIES
from ...settings import ONE_A_SEQUENCE
from ..best_k import BestK
from ..engine import Filled
from ..row_layout import QUANTITY_ROWS
from .codes import MAGNITUDE, ONE, encode
from .compiling import compiled
from .crew import Crew
from .rows import BLOCK, STRIP, Array, Deciders, Rows, Values
from .sweep import Swept

_TURN = 8  # offers of a strip and cell from which transposing all its values pays
_LAST = np.int64(0xFFFFFFFF)
_QUANTITIES = len(QUANTITIES)
_HALF = QUANTITY_ROWS // 2
"""The first of the rows of act and post, which can have either sign in a quadrant if act doesn't keep gate's."""


class Statistics(NamedTuple):
    """The arrays of the state, shared with its tensors; `sign`: the sign of each row of `extreme` in its quadrant."""

    counts: Array  # site quadrant neuron, int64
    total: Array  # site 16 neuron, float64
    extreme: Array  # site 16 neuron, float32
    sign: Array  # 16, float32

    @classmethod
    def of(cls, filled: Filled) -> Statistics:
        return cls(filled.count.numpy(), filled.total.numpy(), filled.extreme.numpy(), filled.signs.flatten().numpy())


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
    read: Array  # which measures are needed for lanes, peaks or quadrants
    before: int  # tokens of a window before the peak
    fold: bool  # duplicates are one example
    one: bool  # a sequence offers one position to a draw, not all

    @classmethod
    def of(cls, filled: Filled) -> Keeping:
        lanes = [lane.place for lane in filled.form.lanes]
        read = sorted({*lanes, *(row // 4 for row in filled.ranked_rows)})
        settings = filled.settings
        fold, one = settings.duplicates == "fold", settings.draw == ONE_A_SEQUENCE
        return cls(np.array(lanes), np.array(read), settings.window[0], fold, one)


def absorb(filled: Filled, swept: Swept, values: Values, rows: Rows, deciders: Deciders, crew: Crew) -> None:
    """Take in a batch: `values` are those that were swept."""
    statistics, keeping = Statistics.of(filled), Keeping.of(filled)
    ranked = Lists.of(filled.ranked), np.array(filled.ranked_rows, dtype=np.int64), False
    drawn = Lists.of(filled.drawn), np.array(filled.drawn_rows, dtype=np.int64), True

    def part(first: int, last: int) -> None:
        _absorb(values, first, last, rows, swept, deciders, statistics, ranked, drawn, keeping)

    crew.spread(part, -(-values.width // STRIP))


@compiled
def _absorb(  # type: ignore[no-untyped-def]  # compiled for the arrays it is given
    values, first, last, rows, swept, deciders, statistics, ranked, drawn, keeping
):  # fmt: skip
    """The strips from `first` to `last`: once a strip's values are transposed, they serve all its offers."""
    longest = 0
    for cell in range(len(rows.site)):
        longest = max(longest, rows.start[cell + 1] - rows.start[cell])
    # measure neuron place; the space after them keeps neurons out of each other's places in the processor's cache
    turned = np.zeros((len(values.flat), STRIP, -(-longest // STRIP) * STRIP + STRIP + 4), dtype=np.int32)  # bits
    coded = np.empty(ranked[0].lanes.shape[3] + STRIP, dtype=np.int8)
    for strip in range(first, last):
        low, high = strip * STRIP, min(strip * STRIP + STRIP, values.width)
        _merge(swept, statistics, rows, low, high)
        for cell in range(len(rows.site)):
            offered = _ranked_offers(ranked, values.width, swept, rows, deciders, cell, low, high)
            offered += _drawn_offers(drawn, values.width, swept, rows, deciders, cell, low, high)
            if offered == 0:
                continue
            whole = offered >= _TURN
            if whole:
                for quantity in keeping.read:
                    _turn(values, quantity, rows, rows.start[cell], rows.start[cell + 1], low, high, low, 0, turned)
            for group in (ranked, drawn):
                _enter(values, group, whole, keeping, low, high, cell, swept, rows, deciders, turned, coded)


@compiled
def _merge(swept, statistics, rows, low, high):  # type: ignore[no-untyped-def]
    """Add counts and sums, and keep extremes: of two the larger magnitude, in a tie the positive one."""
    for site in range(len(statistics.counts)):
        for k in range(4):
            for j in range(low, high):
                statistics.counts[site, k, j] += swept.counts[site, k, j]
        for k in range(QUANTITY_ROWS):
            for j in range(low, high):
                statistics.total[site, k, j] += swept.total[site, k, j]
    magnitudes = swept.magnitude.view(np.float32)
    for cell in range(len(rows.site)):
        site = rows.site[cell]
        for k in range(QUANTITY_ROWS):
            if k >= _HALF and len(swept.highest):
                for j in range(low, high):
                    reached = swept.highest[cell, k - _HALF, j] == swept.magnitude[cell, k, j]
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
def _ranked_offers(group, width, swept, rows, deciders, cell, low, high):  # type: ignore[no-untyped-def]
    """How many offers by magnitude of a cell and strip beat their list's threshold."""
    lists, ranks, _ = group
    number, sequence = 0, rows.sequence[cell]
    for each in range(len(ranks)):
        start = (rows.site[cell] * len(ranks) + each) * width
        for j in range(low, high):
            key = _ranked_key(swept.magnitude[cell, ranks[each], j], deciders.number[sequence])
            number += key > lists.threshold[start + j]
    return number


@compiled
def _drawn_offers(group, width, swept, rows, deciders, cell, low, high):  # type: ignore[no-untyped-def]
    """For how many draws of a cell and strip the first offer beats the list's threshold."""
    lists, ranks, _ = group
    number, sequence = 0, rows.sequence[cell]
    for each in range(len(ranks)):
        start = (rows.site[cell] * len(ranks) + each) * width
        for j in range(low, high):
            key = deciders.drawn_key[sequence, swept.magnitude[cell, ranks[each], j]]
            number += key > lists.threshold[start + j]
    return number


@compiled
def _ranked_key(found, sequence):  # type: ignore[no-untyped-def]
    """As in `magnitude_keys`."""
    key = (np.int64(found) << 32) | (_LAST - sequence)
    return key if found > 0 else np.int64(-1)


@compiled
def _enter(  # type: ignore[no-untyped-def]
    values, group, whole, keeping, low, high, cell, swept, rows, deciders, turned, coded
):  # fmt: skip
    """Enter the offers of one cell and strip. `whole`: all its values are transposed, else none.

    A cell offers one position to a list by magnitude, and all in the quadrant to a draw, the smallest hash first. All
    is in one function: a call with so many arrays takes as long as entering an example.
    """
    lists, ranks, drawn = group
    begin, end, sequence = rows.start[cell], rows.start[cell + 1], rows.sequence[cell]
    window, before = lists.lanes.shape[3], keeping.before
    for each in range(len(ranks)):
        measure = ranks[each] // 4
        for j in range(low, high):
            column = (rows.site[cell] * len(ranks) + each) * values.width + j
            found, place = swept.magnitude[cell, ranks[each], j], begin
            if drawn:
                key = deciders.drawn_key[sequence, found]
            else:
                key = _ranked_key(found, deciders.number[sequence])
            if key <= lists.threshold[column]:
                continue
            if drawn:
                place = _from_priority(rows, begin, end, found)
                peak = rows.drawn[place]
            else:
                peak = begin + swept.block[cell, ranks[each], j] * BLOCK
                if not whole:
                    _turn(values, measure, rows, peak, min(peak + BLOCK, end), j, j + 1, low, 0, turned)
                line = turned[measure, j - low]
                peak = _find(values, rows, peak, end, ranks[each], found, j, line, peak - begin if whole else 0)
            while True:
                position = rows.position[peak]
                slot = _slot(lists, column, deciders.fold[sequence, position], keeping.fold)
                if key > lists.key[column, slot]:  # else the list holds a better duplicate
                    lists.key[column, slot] = key
                    if keeping.fold:
                        lists.fold[column, slot] = deciders.fold[sequence, position]
                    lists.sequence[column, slot] = deciders.number[sequence]
                    lists.position[column, slot] = position
                    lowest = lists.key[column, 0]
                    for other in range(1, lists.key.shape[1]):
                        lowest = min(lowest, lists.key[column, other])
                    lists.threshold[column] = lowest
                    for quantity in range(_QUANTITIES):
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
                                lists.lanes[column, slot, lane, k] = NOT_COUNTED
                    offset = before - position
                    gapless = rows.position[stop - 1] - rows.position[start] == stop - 1 - start
                    for lane in range(len(keeping.lanes)):
                        quantity = keeping.lanes[lane]
                        if not whole:
                            _turn(values, quantity, rows, start, stop, j, j + 1, low, start - begin, turned)
                        line = turned[quantity, j - low, start - begin :]
                        lists.scale[column, slot, lane] = encode(line, stop - start, coded)
                        if gapless:
                            at = np.uint64(rows.position[start] + offset)
                            for k in range(np.uint64(stop - start)):
                                lists.lanes[column, slot, lane, at + k] = coded[k]
                        else:
                            for t in range(start, stop):
                                lists.lanes[column, slot, lane, rows.position[t] + offset] = coded[t - start]
                more = False
                while drawn and not keeping.one and place + 1 < end and not more:
                    place += 1
                    peak = rows.drawn[place]
                    key = deciders.drawn_key[sequence, rows.priority[peak]]
                    if key <= lists.threshold[column]:
                        break
                    more = _quadrant(values, rows.row[peak], j) == ranks[each] % 4
                if not more:
                    break


@compiled
def _from_priority(rows, begin, end, priority):  # type: ignore[no-untyped-def]
    """The place of a priority in the order of draws of a cell."""
    low, high = begin, end - 1
    while low < high:
        middle = (low + high) // 2
        if rows.priority[rows.drawn[middle]] > priority:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _quadrant(values, row, j):  # type: ignore[no-untyped-def]
    """The place of the quadrant that a value is in; -1 for none."""
    opens, adds = _bits(values, 0, row, j), _bits(values, 1, row, j)
    if opens & MAGNITUDE == 0 or adds & MAGNITUDE == 0:
        return -1
    return (0 if opens > 0 else 2) + (0 if adds > 0 else 1)


@compiled
def _bits(values, quantity, row, j):  # type: ignore[no-untyped-def]
    """The bits of a value as float32; a bfloat16 is the upper half of one."""
    flat = values.flat[quantity]
    return np.int32(flat[row * values.stride[quantity] + j]) << (32 - 8 * flat.itemsize)


@compiled
def _turn(values, quantity, rows, begin, end, low, high, first, place, turned):  # type: ignore[no-untyped-def]
    """Lay the values of the neurons from `low` to `high` in the kept rows from `begin` to `end` side by side.

    They are written from `place` on; `first` is the first neuron of `turned`.
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
    """The first kept row of a block where a measure has the magnitude `wanted`, in the quadrant of `rank`.

    The block's rows begin with `start`; their values begin in `line` at `place`.
    """
    for t in range(start, min(start + BLOCK, end)):
        if line[place + t - start] & MAGNITUDE == wanted and _quadrant(values, rows.row[t], j) == rank % 4:
            return t
    return start  # never reached: one of the rows has this magnitude


@compiled
def _slot(lists, column, fold, folds):  # type: ignore[no-untyped-def]
    """An offer's place in a list: its duplicate's, or else the place of the lowest key."""
    lowest = 0
    for slot in range(lists.key.shape[1]):
        if folds and lists.key[column, slot] >= 0 and lists.fold[column, slot] == fold:
            return slot
        if lists.key[column, slot] < lists.key[column, lowest]:
            lowest = slot
    return lowest
