"""Reads the packed token lists and nearest neurons of a neuron. Plain Python: struct, array and zlib."""

from __future__ import annotations

import math
import struct
import sys
from array import array
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
_MOST = HEADER.size + SCALES.size + 255 * 6 * (TOKEN_LISTS + NEIGHBOUR_LISTS)  # bytes, unpacked


@dataclass(frozen=True, slots=True)
class WeightLists:
    """The lists of one neuron. Raw signs; a token list is empty if it is unavailable."""

    tokens: tuple[tuple[tuple[int, float], ...], ...]  # list, then (token, score), the clearest first
    neighbours: tuple[tuple[tuple[int, bool, float], ...], ...]  # list, then (number in the model, flipped, cosine)


def unpack_lists(blob: bytes) -> WeightLists:
    """The lists in a blob; DamagedValue if the writer can't have written it."""
    try:
        data = inflate(blob, _MOST)
        format_, ends, kinds, _ = HEADER.unpack_from(data)
        if format_ != FORMAT:
            raise DamagedValue(f"lists of weights have format {format_}")
        scales = SCALES.unpack_from(data, HEADER.size)
        places = (HEADER.size + SCALES.size, TOKEN_LISTS * ends, NEIGHBOUR_LISTS * kinds)
        tokens, scores, neighbours, cosines = _columns(data, *places)
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
    nearest = [
        tuple(
            [
                (neighbours[place] >> 1, bool(neighbours[place] & 1), cosines[place] / UNIT)
                for place in range(number * kinds, (number + 1) * kinds)
                if neighbours[place] != NONE
            ]
        )
        for number in range(NEIGHBOUR_LISTS)
    ]
    return WeightLists(tuple(found), tuple(nearest))


def _columns(data: bytes, start: int, tokens: int, neighbours: int) -> tuple[array[int], ...]:
    """The four columns: tokens, scores, neighbours, cosines."""
    found = []
    for kind, count in (("I", tokens), ("h", tokens), ("I", neighbours), ("h", neighbours)):
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
