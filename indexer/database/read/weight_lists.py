"""Reads the packed token lists and nearest neurons of a neuron. Plain Python: struct, array and zlib."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..format.token_lists import PLACES
from .inflate import DamagedValue, inflate

FORMAT = 1
HEADER = struct.Struct("<BBBB")  # format, tokens an end, neighbours a kind, 0
SCALES = struct.Struct("<3f")  # writes, reads of gate, reads of in
TOKEN_LISTS = len(PLACES)
NEIGHBOUR_VECTORS = ("out", "in")
"""The vectors by which the nearest neurons are listed."""
NEIGHBOUR_LISTS = len(NEIGHBOUR_VECTORS)
UNIT = 32767  # the code of a list's scale, or of a cosine of 1
NONE = 0xFFFFFFFF  # instead of a token or a neighbour
Listed = tuple[int, bool, float]
"""A neuron in a list: its number in the model, its flip bit, a cosine."""
_MOST = HEADER.size + SCALES.size + 255 * 6 * (TOKEN_LISTS + NEIGHBOUR_LISTS)  # bytes, unpacked


@dataclass(frozen=True, slots=True)
class WeightLists:
    """The lists of one neuron. Raw signs; a token list is empty if it is unavailable."""

    tokens: tuple[tuple[tuple[int, float], ...], ...]  # list, then (token, score), the clearest first
    neighbours: tuple[tuple[Listed, ...], ...]  # list neuron


def unpack_lists(blob: bytes) -> WeightLists:
    """The lists in a blob; DamagedValue if the writer can't have written it."""
    try:
        data = inflate(blob, _MOST)
        format_, ends, kinds, _ = HEADER.unpack_from(data)
        if format_ != FORMAT:
            raise DamagedValue(f"lists of weights have format {format_}")
        scales = SCALES.unpack_from(data, HEADER.size)
        each, near = TOKEN_LISTS * ends, NEIGHBOUR_LISTS * kinds
        columns = (("I", each), ("h", each), ("I", near), ("h", near))
        tokens, scores, neighbours, cosines = unpack_columns(data, HEADER.size + SCALES.size, columns)
    except (struct.error, ValueError) as error:
        raise DamagedValue(str(error)) from error
    found = []
    for number in range(TOKEN_LISTS):
        scale = scales[number // 2]
        span = range(number * ends, (number + 1) * ends)
        there = [place for place in span if tokens[place] != NONE]
        if there and not math.isfinite(scale):
            raise DamagedValue("a score is not a number")
        found.append(tuple([(tokens[place], scores[place] / UNIT * scale) for place in there]))
    return WeightLists(tuple(found), listed_neurons(neighbours, cosines, NEIGHBOUR_LISTS))


def listed_neurons(neurons: Sequence[int], cosines: Sequence[int], lists: int) -> tuple[tuple[Listed, ...], ...]:
    """The lists in two columns, list after list: for each neuron its number in the model, flip bit and cosine."""
    each = len(neurons) // lists
    return tuple(
        [
            tuple(
                [
                    (neurons[place] >> 1, bool(neurons[place] & 1), cosines[place] / UNIT)
                    for place in range(number * each, (number + 1) * each)
                    if neurons[place] != NONE
                ]
            )
            for number in range(lists)
        ]
    )


def unpack_columns(data: bytes, start: int, columns: Iterable[tuple[str, int]]) -> tuple[array[int], ...]:
    """The columns of words in byte planes that follow each other from `start` to the end; each is given as its type,
    as `array` has it, and its length."""
    found = []
    for kind, count in columns:
        size = array(kind).itemsize
        planes = data[start : start + size * count]
        start += size * count
        if len(planes) != size * count:
            raise DamagedValue("lists of weights are cut short")
        joined = bytearray(len(planes))
        for plane in range(size):
            joined[plane::size] = planes[plane * count : (plane + 1) * count]
        column: array[int] = array(kind, bytes(joined))
        if sys.byteorder == "big":
            column.byteswap()
        found.append(column)
    if start != len(data):
        raise DamagedValue("lists of weights are longer than they say")
    return tuple(found)
