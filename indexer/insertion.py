"""Entering a batch's offers in the lists of a site on the CPU: one compiled walk over neurons, lists and sequences.

Says the same as `BestK.place` with `first_positions` and `gather_windows`, bit for bit, many times faster: what the
walk needs of a few neurons is turned around first, so that a neuron's values lie side by side.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from .rankings import BestK
from .reduction import Activations
from .windows import LEVELS, MISSING

Array = npt.NDArray[np.generic]

_STRIP = 16  # neurons side by side: a cache line of float32
_TURN = 8  # offers of a strip and sequence from which turning all its values around pays
_FEW = 1000  # offers that one thread has entered before others have begun
_CHUNK = 64  # positions that are searched at once
_MAGNITUDE = np.int32(0x7FFFFFFF)  # a float32 without its sign
_ONE, _LEVELS = np.float32(1.0), np.float32(LEVELS)
_CHUNK_, _STRIP_ = np.uint64(_CHUNK), np.uint64(_STRIP)  # indices that can't be negative need no check


class Lists(NamedTuple):
    """The arrays of a `BestK`, shared with its tensors."""

    key: Array
    fold: Array
    sequence: Array
    position: Array
    threshold: Array
    values: Array
    scale: Array
    lanes: Array


class Offers(NamedTuple):
    """What a batch offers to some lists, one offer a sequence and column."""

    key: Array  # sequence column, int64
    magnitude: Array  # sequence 20 neuron, float32 bits as int32: where the position is to be looked up
    position: Array  # sequence column, int64: where it is known; else empty
    row: Array  # list: its row of `magnitude`, quantity * 4 + quadrant


class Places(NamedTuple):
    """The positions of a batch."""

    sequence: Array  # sequence, int64: numbers in the order of the corpus
    true: Array  # sequence position, int64: places in the sequence, rising
    counted: Array  # sequence position, int32: 0 where not counted
    fold: Array  # sequence position, int64; or empty: duplicates are kept apart


def magnitude_offers(key: Tensor, magnitudes: Tensor, rows: tuple[int, ...]) -> Offers:
    """Offers whose peaks are to be looked up: `key` sequence column, `magnitudes` sequence 20 neuron; a row a list."""
    nowhere = np.zeros((0, 0), dtype=np.int64)
    return Offers(key.numpy(), magnitudes.view(torch.int32).numpy(), nowhere, np.array(rows, dtype=np.int64))


def placed_offers(key: Tensor, position: Tensor) -> Offers:
    """Offers whose peaks are known: both sequence column."""
    nothing = np.zeros((0, 0, 0), dtype=np.int32)
    return Offers(key.numpy(), nothing, position.numpy(), np.zeros(0, dtype=np.int64))


def enter(
    ranked: tuple[BestK, Offers],
    random: tuple[BestK, Offers],
    values: Activations,
    lanes: tuple[int, ...],
    before: int,
    places: Places,
    number: int,
) -> None:
    """Enter all offers of a batch that beat their list's threshold, sequence by sequence.

    `lanes`: which of gate, in, act, post have windows; `before`: tokens of a window before the peak.
    `number`: how many beat it now.
    """
    arrays = tuple(value.contiguous().view(torch.int32).numpy() for value in values)  # sequence position neuron
    groups = tuple(
        (_arrays(best), offers._replace(key=offers.key[:, : len(best.threshold)]))  # none where no such list is kept
        for best, offers in (ranked, random)
    )
    width = ranked[0].width
    wanted = np.array(lanes, dtype=np.int64)
    act_too = bool(2 in lanes or any(row // 4 == 2 for row in ranked[1].row))
    threads = torch.get_num_threads() if number > _FEW else 1
    strips = -(-width // _STRIP)
    edges = [strips * part // threads * _STRIP for part in range(threads)] + [width]

    def walk(part: int) -> None:
        _walk(arrays, act_too, wanted, before, width, edges[part], edges[part + 1], *groups[0], *groups[1], places)

    if threads == 1:
        walk(0)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(walk, part) for part in range(1, threads)]
        walk(0)
        for other in others:
            other.result()


def _arrays(best: BestK) -> Lists:
    """The arrays of the lists, to be written to."""
    return Lists(*(getattr(best, name).numpy() for name in Lists._fields))


@njit(nogil=True, cache=True)
def _walk(  # type: ignore[no-untyped-def]  # compiled for the arrays it is given
    values, act_too, lanes, before, width, start, stop, ranked, to_ranked, random, to_random, places
):  # fmt: skip
    """The neurons from `start` to `stop`, a strip at a time, so that one turning serves all their offers."""
    gate, length = values[0], values[0].shape[1]
    # quantity neuron position; the room behind keeps neurons out of each other's places in the processor's cache
    turned = np.zeros((4, _STRIP, -(-length // _CHUNK) * _CHUNK + _STRIP + 4), dtype=np.int32)  # bits
    floats = turned.view(np.float32)
    coded = np.empty(ranked.lanes.shape[3] + _STRIP, dtype=np.int8)
    for first in range(start, stop, _STRIP):
        last = min(first + _STRIP, stop)
        for b in range(gate.shape[0]):
            offered = _offered(ranked, to_ranked, b, width, first, last)
            offered += _offered(random, to_random, b, width, first, last)
            if offered == 0:
                continue
            whole = offered >= _TURN
            if whole:
                for quantity in range(4):
                    if quantity != 2 or act_too:
                        _turn(values, quantity, b, first, last, first, 0, length, turned)
            _enter(values, whole, lanes, before, width, first, last, b, ranked, to_ranked, places,
                   turned, floats, coded)  # fmt: skip
            _enter(values, whole, lanes, before, width, first, last, b, random, to_random, places,
                   turned, floats, coded)  # fmt: skip


@njit(nogil=True, cache=True)
def _offered(lists, offers, b, width, first, last):  # type: ignore[no-untyped-def]
    """How many offers of a sequence and strip beat their list's threshold."""
    number = 0
    for each in range(offers.key.shape[1] // width):
        for column in range(each * width + first, each * width + last):
            number += offers.key[b, column] > lists.threshold[column]
    return number


@njit(nogil=True, cache=True)
def _enter(  # type: ignore[no-untyped-def]
    values, whole, lanes, before, width, first, last, b, lists, offers, places, turned, floats, coded
):  # fmt: skip
    """Enter the offers of one sequence and strip. `whole`: all the strip's values are turned, else none."""
    gate, in_, act, post = values
    key, true, counted = offers.key, places.true, places.counted
    length, window = gate.shape[1], lists.lanes.shape[3]
    for each in range(key.shape[1] // width):
        for j in range(first, last):
            column = each * width + j
            if key[b, column] <= lists.threshold[column]:
                continue
            if offers.position.size:
                peak = offers.position[b, column]
            else:
                row = offers.row[each]
                if not whole:
                    _turn(values, row // 4, b, j, j + 1, first, 0, length, turned)
                peak = _find(turned, j - first, offers.magnitude[b, row, j], row, gate, in_, counted, b, j)
            slot = _slot(lists.key, lists.fold, column, places.fold, b, peak)
            if key[b, column] <= lists.key[column, slot]:
                continue
            lists.key[column, slot] = key[b, column]
            if places.fold.size:
                lists.fold[column, slot] = places.fold[b, peak]
            lists.sequence[column, slot] = places.sequence[b]
            lists.position[column, slot] = true[b, peak]
            lowest = lists.key[column, 0]
            for other in range(1, lists.key.shape[1]):
                lowest = min(lowest, lists.key[column, other])
            lists.threshold[column] = lowest
            lists.values[column, slot, 0] = np.int32(gate[b, peak, j]).view(np.float32)
            lists.values[column, slot, 1] = np.int32(in_[b, peak, j]).view(np.float32)
            lists.values[column, slot, 2] = np.int32(act[b, peak, j]).view(np.float32)
            lists.values[column, slot, 3] = np.int32(post[b, peak, j]).view(np.float32)
            low, high = peak, peak + 1
            while low > 0 and true[b, low - 1] >= true[b, peak] - before and counted[b, low - 1] != 0:
                low -= 1
            while high < length and true[b, high] < true[b, peak] - before + window and counted[b, high] != 0:
                high += 1
            size, place = high - low, true[b, low] - true[b, peak] + before
            gapless = true[b, high - 1] - true[b, low] == size - 1
            for lane in range(len(lanes)):
                if not whole:
                    _turn(values, lanes[lane], b, j, j + 1, first, low, high, turned)
                lists.scale[column, slot, lane] = _encode(turned, floats, lanes[lane], j - first, low, size, coded)
                if size < window:
                    for k in range(window):
                        lists.lanes[column, slot, lane, k] = MISSING
                if gapless:
                    begin = np.uint64(place)
                    for k in range(np.uint64(size)):
                        lists.lanes[column, slot, lane, begin + k] = coded[k]
                else:
                    for t in range(low, high):
                        lists.lanes[column, slot, lane, true[b, t] - true[b, peak] + before] = coded[t - low]


@njit(nogil=True, cache=True)
def _turn(values, quantity, b, start, stop, first, low, high, turned):  # type: ignore[no-untyped-def]
    """Lay the values of the neurons from `start` to `stop` at the positions from `low` to `high` side by side."""
    gate, in_, act, post = values
    if quantity == 0:
        _turn_one(gate, quantity, b, start, stop, first, low, high, turned)
    elif quantity == 1:
        _turn_one(in_, quantity, b, start, stop, first, low, high, turned)
    elif quantity == 2:
        _turn_one(act, quantity, b, start, stop, first, low, high, turned)
    else:
        _turn_one(post, quantity, b, start, stop, first, low, high, turned)


@njit(nogil=True, cache=True)
def _turn_one(value, quantity, b, start, stop, first, low, high, turned):  # type: ignore[no-untyped-def]
    if stop - start == _STRIP:
        for t in range(low, high):
            for j in range(_STRIP):  # as many as the compiler knows
                turned[quantity, j, t] = value[b, t, first + j]
    else:
        for j in range(start, stop):
            for t in range(low, high):
                turned[quantity, j - first, t] = value[b, t, j]


@njit(nogil=True, cache=True)
def _find(turned, line, wanted, row, gate, in_, counted, b, j):  # type: ignore[no-untyped-def]
    """The first counted position in the quadrant of `row` where its quantity has the magnitude `wanted`."""
    quantity, length = row // 4, gate.shape[1]
    for start in range(0, length, _CHUNK):
        begin, hits = np.uint64(start), 0
        for k in range(_CHUNK_):  # without a branch, as many as the compiler knows: at once
            hits += (turned[quantity, line, begin + k] & _MAGNITUDE) == wanted
        if hits == 0:
            continue
        for t in range(start, min(start + _CHUNK, length)):
            if (turned[quantity, line, t] & _MAGNITUDE) == wanted and counted[b, t] != 0:
                opens, adds = gate[b, t, j], in_[b, t, j]
                quadrant = (0 if opens > 0 else 2) + (0 if adds > 0 else 1)
                if quadrant == row % 4 and opens & _MAGNITUDE and adds & _MAGNITUDE:
                    return t
    return 0  # never: the magnitude is that of one of them


@njit(nogil=True, cache=True)
def _slot(keys, folds, column, fold, b, peak):  # type: ignore[no-untyped-def]
    """Where an offer would stand in a list: in the place of its duplicate, else in that of the lowest key."""
    lowest = 0
    for slot in range(keys.shape[1]):
        if fold.size and keys[column, slot] >= 0 and folds[column, slot] == fold[b, peak]:
            return slot
        if keys[column, slot] < keys[column, lowest]:
            lowest = slot
    return lowest


@njit(nogil=True, cache=True)
def _encode(turned, floats, quantity, j, low, size, coded):  # type: ignore[no-untyped-def]
    """Write the codes of a quantity's values from `low` on as `encode_lanes` says; the scale.

    `floats` is `turned` as float32. There is room behind the window's end in both, and in `coded`.
    """
    largest = 0
    for start in range(0, size - _STRIP + 1, _STRIP):
        begin = np.uint64(low + start)
        for k in range(_STRIP_):
            largest = max(largest, turned[quantity, j, begin + k] & _MAGNITUDE)
    for k in range(size // _STRIP * _STRIP, size):
        largest = max(largest, turned[quantity, j, low + k] & _MAGNITUDE)
    scale = np.int32(largest).view(np.float32)
    step = scale if scale > 0 else _ONE
    for start in range(0, size, _STRIP):
        begin, to = np.uint64(low + start), np.uint64(start)
        for k in range(_STRIP_):
            value = floats[quantity, j, begin + k]
            exact = abs(value) / step * _LEVELS
            code = np.int32(exact)
            code = min(max(code + (np.float32(code) < exact), 1), LEVELS)
            coded[to + k] = code * ((value > 0) * 1 - (value < 0) * 1)
    return scale
