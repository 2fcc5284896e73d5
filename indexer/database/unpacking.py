"""Reads the packed examples and samples of a neuron. Plain Python: struct, array and zlib."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from dataclasses import dataclass

from ..quadrants import QUADRANTS, Quadrant
from .schema import RANKING_CODES, SAMPLE_SCALE

FORMAT = 1
HEADER = struct.Struct("<BBHHHH")  # format, lanes, before, after, lists, peaks
LIST = struct.Struct("<BBH")  # ranking code, place in QUADRANTS, examples
NOT_COUNTED = -128
LANE_QUANTITIES = (0, 1, 3, 2)
"""The quantity (place in QUANTITIES) of each lane: gate, in, post, and act where it can't be computed from gate."""

_RANKINGS = {code: ranking for ranking, code in RANKING_CODES.items()}
_UNIT: list[float | None] = [0.0, *((code - 0.5) / 127 for code in range(1, 128))]
_UNIT += [None, *((code + 0.5) / 127 for code in range(-127, 0))]  # indexed by -128 to 127


class DamagedValue(ValueError):
    """A packed value that isn't what the writer wrote."""


@dataclass(frozen=True, slots=True)
class PackedExamples:
    """The examples of a neuron: each peak once, and lists of peaks. Raw signs."""

    before: int  # slots of a window in front of its peak
    after: int
    lists: dict[tuple[str, Quadrant], tuple[int, ...]]  # (ranking, quadrant): peaks, best first
    sequences: array[int]  # peak
    positions: array[int]  # peak
    values: tuple[array[float], ...]  # quantity (gate, in, act, post), then peak: exact
    scales: tuple[array[float], ...]  # lane, then peak
    codes: bytes  # lane peak slot

    def lane(self, lane: int, peak: int) -> list[float | None]:
        """The values of a lane (0 gate, 1 in, 2 post, 3 act) in the window of a peak, None where not counted."""
        slots = self.before + 1 + self.after
        start = (lane * len(self.sequences) + peak) * slots
        scale = self.scales[lane][peak]
        codes = memoryview(self.codes)[start : start + slots].cast("b")
        return [None if (unit := _UNIT[code]) is None else unit * scale for code in codes]


def unpack_examples(blob: bytes) -> PackedExamples:
    """The examples of one neuron; DamagedValue where the blob is no such thing."""
    try:
        return _unpack(zlib.decompress(blob))
    except (zlib.error, struct.error, KeyError, IndexError) as error:
        raise DamagedValue(str(error)) from error


def _unpack(raw: bytes) -> PackedExamples:
    format_, lanes, before, after, list_count, peaks = HEADER.unpack_from(raw)
    if format_ != FORMAT:
        raise DamagedValue(f"packed in format {format_}, not {FORMAT}")
    heads = [LIST.unpack_from(raw, HEADER.size + i * LIST.size) for i in range(list_count)]
    place = HEADER.size + list_count * LIST.size
    wide = 2 if peaks > 256 else 1
    entries = sum(length for _, _, length in heads)
    columns = 6 + lanes
    words_at = place + entries * wide
    codes_at = words_at + columns * peaks * 4
    if len(raw) != codes_at + lanes * peaks * (before + 1 + after):
        raise DamagedValue("the length is wrong")
    indices = struct.unpack_from(f"<{entries}{'H' if wide == 2 else 'B'}", raw, place)
    if indices and max(indices) >= peaks:
        raise DamagedValue("a list names a peak that isn't there")
    lists: dict[tuple[str, Quadrant], tuple[int, ...]] = {}
    done = 0
    for code, quadrant, length in heads:
        lists[_RANKINGS[code], QUADRANTS[quadrant]] = indices[done : done + length]
        done += length
    words = from_planes(raw[words_at:codes_at], 4)
    column = [words[i * peaks * 4 : (i + 1) * peaks * 4] for i in range(columns)]
    values = tuple(_floats(data) for data in column[2:6])
    scales = tuple(_scale(column[6 + i], column[2 + LANE_QUANTITIES[i]]) for i in range(lanes))
    sequences, positions = _integers(column[0]), _integers(column[1])
    return PackedExamples(before, after, lists, sequences, positions, values, scales, raw[codes_at:])


def _scale(masked: bytes, peak: bytes) -> array[float]:
    """Scales are kept as bits that differ from |the value at the peak|, which is the scale of most windows."""
    bits = int.from_bytes(masked, "little") ^ int.from_bytes(peak, "little")
    sign = int.from_bytes(b"\0\0\0\x80" * (len(peak) // 4), "little")
    return _floats((bits & ~sign).to_bytes(len(peak), "little"))


def unpack_sample(blob: bytes) -> tuple[tuple[float, ...], ...]:
    """The sampled values of one neuron, a tuple a lane (gate, in[, act]), in the order of the sample's ranks."""
    try:
        raw = zlib.decompress(blob)
        lanes = raw[0]
        data = from_planes(raw[1:], 2)
        size, odd = divmod(len(data), 2 * lanes)
    except (zlib.error, IndexError, ZeroDivisionError) as error:
        raise DamagedValue(str(error)) from error
    if odd:
        raise DamagedValue("the length is wrong")
    flat = struct.unpack(f"<{lanes * size}e", data)
    return tuple(tuple(value * SAMPLE_SCALE for value in flat[i * size : (i + 1) * size]) for i in range(lanes))


def from_planes(planes: bytes, width: int) -> bytes:
    """Undo the byte planes of words of `width` bytes: all first bytes, then all second ones, and so on."""
    count, odd = divmod(len(planes), width)
    if odd:
        raise DamagedValue("the length is wrong")
    words = bytearray(len(planes))
    for byte in range(width):
        words[byte::width] = planes[byte * count : (byte + 1) * count]
    return bytes(words)


def _floats(data: bytes) -> array[float]:
    """Little-endian float32."""
    words = array("f", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _integers(data: bytes) -> array[int]:
    """Little-endian uint32."""
    words = array("I", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words
