"""Columns of whole tables in one blob each, which is read over a network in one piece. See docs/schema.md."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping

MOST = 2**25
"""Bytes of a blob, unpacked."""
_UNKNOWN = 2  # stands for NULL among the flip bits
_LONGEST = 2**16  # bytes of a token


def pack_tokens(tokens: Mapping[int, bytes]) -> bytes | None:
    """The blob of some tokens; None if they are too many for one."""
    ids = sorted(tokens)
    steps = (id_ - before for before, id_ in zip((0, *ids), ids, strict=False))
    data = b"".join(
        (
            struct.pack("<I", len(ids)),
            _planes(steps),
            _planes(len(tokens[id_]) for id_ in ids),
            *(tokens[id_] for id_ in ids),
        )
    )
    return zlib.compress(data, 9) if len(data) <= MOST else None


def unpack_tokens(data: bytes) -> dict[int, bytes]:
    """The tokens of an inflated blob. ValueError if it is not one."""
    if len(data) < 4:
        raise ValueError("packed tokens are cut short")
    (count,) = struct.unpack_from("<I", data)
    start = 4 + 8 * count
    if start > len(data):
        raise ValueError("packed tokens are cut short")
    steps, lengths = (_words(data[place : place + 4 * count], count) for place in (4, 4 + 4 * count))
    if start + sum(lengths) != len(data) or max(lengths, default=0) > _LONGEST:
        raise ValueError("packed tokens have another length")
    found, id_ = {}, 0
    for step, length in zip(steps, lengths, strict=True):
        id_ += step
        found[id_] = data[start : start + length]
        start += length
    return found


def pack_flips(flips: Iterable[int | None]) -> bytes | None:
    """The blob of the flip bits of all neurons, in their order; None if they are too many for one."""
    data = bytes(_UNKNOWN if flip is None else flip for flip in flips)
    return zlib.compress(data, 9) if len(data) <= MOST else None


def unpack_flips(data: bytes, neurons: int) -> frozenset[int]:
    """The numbers of the neurons that are flipped, of an inflated blob. ValueError if it is not one of so many."""
    if len(data) != neurons or max(data, default=0) > _UNKNOWN:
        raise ValueError("packed flip bits are not those of the neurons")
    return frozenset(number for number, flip in enumerate(data) if flip == 1)


def _planes(values: Iterable[int]) -> bytes:
    """Integers as uint32 in byte planes."""
    words = array("I", values)
    if sys.byteorder == "big":
        words.byteswap()
    data = words.tobytes()
    return b"".join(data[plane::4] for plane in range(4))


def _words(planes: bytes, count: int) -> array[int]:
    data = bytearray(4 * count)
    for plane in range(4):
        data[plane::4] = planes[plane * count : (plane + 1) * count]
    words = array("I", bytes(data))
    if sys.byteorder == "big":
        words.byteswap()
    return words
