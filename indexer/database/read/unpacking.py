"""Reads the packed examples and samples of a neuron. Plain Python: struct, array and zlib. See docs/schema.md."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from dataclasses import dataclass

from ...quadrants import LANES, QUADRANTS, Quadrant
from ...ranking import ranking_of_code
from ...settings import LARGEST_PACKED
from ..format.activations import twin
from ..format.prediction import LEVELS, act_table, predict_act, predict_code
from ..format.schema import SAMPLE_SCALE
from .inflate import DamagedValue, inflate

FORMAT = 1
HEADER = struct.Struct("<BBHHHH")  # format, flags, before, after, lists, peaks
HAS_ACT = 1  # flag: act is a lane, since the reader doesn't know the activation
HAS_POST = 2  # flag: post at the peaks is a column, since it differs from float32(act * in) somewhere
LIST = struct.Struct("<BBH")  # ranking code, place in QUADRANTS, examples

UNITS: tuple[float | None, ...] = (
    0.0,
    *((code - 0.5) / LEVELS for code in range(1, LEVELS + 1)),
    None,
    *((code + 0.5) / LEVELS for code in range(-LEVELS, 0)),
)
"""The value of a code, as a share of the lane's scale. Indexed by -128 to 127."""

LANE_QUANTITIES = tuple(lane.place for lane in LANES)
"""The place in QUANTITIES of each lane: gate, in, post, and act if it can't be computed from gate."""

_FLOAT32 = struct.Struct("<f")

Values = list[float | None]


@dataclass(frozen=True, slots=True)
class PackedExamples:
    """The examples of a neuron: each peak once, and lists of peaks. Raw signs."""

    before: int  # slots of a window in front of its peak
    after: int
    lists: dict[tuple[str, Quadrant], tuple[int, ...]]  # (ranking, quadrant): peaks, best first
    sequences: array[int]  # peak
    positions: array[int]  # peak
    values: tuple[array[float], ...]  # quantity (gate, in, act, post), then peak: exact
    scales: tuple[array[float], ...]  # gate, in, post[, act], then peak
    codes: memoryview  # gate, in, post less its prediction[, act], then peak slot: signed bytes

    def window(self, peak: int, activation: str, slots: slice) -> tuple[Values, Values, Values, Values]:
        """Gate, in, act and post in some slots of the window of a peak; None for positions that weren't counted."""
        gate, in_ = self._lane(0, peak, slots), self._lane(1, peak, slots)
        table, function = act_table(activation), twin(activation)
        if len(self.scales) > 3:
            act = predicted = self._lane(3, peak, slots)
        elif table is None or function is None:
            raise DamagedValue(f"the activation {activation} is not known")
        else:
            act = [None if value is None else function(value) + 0.0 for value in gate]
            predicted = [None if value is None else predict_act(table, value) for value in gate]
        scale = self.scales[2][peak]
        post = [
            None if one is None or other is None else _value(missed + predict_code(one, other, scale), scale)
            for one, other, missed in zip(predicted, in_, self._codes(2, peak, slots), strict=True)
        ]
        return gate, in_, act, post

    def _lane(self, lane: int, peak: int, slots: slice) -> Values:
        scale = self.scales[lane][peak]
        return [None if (unit := UNITS[code]) is None else unit * scale for code in self._codes(lane, peak, slots)]

    def _codes(self, lane: int, peak: int, slots: slice) -> memoryview:
        width = self.before + 1 + self.after
        start = (lane * len(self.sequences) + peak) * width
        return self.codes[start : start + width][slots]


def _value(code: int, scale: float) -> float:
    """The value of a code, which may be off by a multiple of 256."""
    unit = UNITS[code & 0xFF]
    if unit is None:
        raise DamagedValue("post has no value where gate and in have one")
    return unit * scale


def unpack_examples(blob: bytes) -> PackedExamples:
    """The examples of one neuron; DamagedValue if the blob is invalid."""
    try:
        return _unpack(inflate(blob, LARGEST_PACKED))
    except (struct.error, KeyError, IndexError) as error:
        raise DamagedValue(f"its packed examples are not whole: {error}") from error


def _unpack(raw: bytes) -> PackedExamples:
    format_, flags, before, after, list_count, peaks = HEADER.unpack_from(raw)
    if format_ != FORMAT:
        raise DamagedValue(f"packed in format {format_}, not {FORMAT}")
    lanes = 4 if flags & HAS_ACT else 3
    exact = 4 if flags & HAS_POST else 3
    heads = [LIST.unpack_from(raw, HEADER.size + i * LIST.size) for i in range(list_count)]
    entries_at = HEADER.size + list_count * LIST.size
    entries = sum(length for _, _, length in heads)
    wide = peaks > 256
    words_at = entries_at + entries * (2 if wide else 1)
    codes_at = words_at + (2 + exact + lanes) * peaks * 4
    if len(raw) != codes_at + lanes * peaks * (before + 1 + after):
        raise DamagedValue("the length is wrong")
    indices = struct.unpack_from(f"<{entries}{'H' if wide else 'B'}", raw, entries_at)
    if indices and max(indices) >= peaks:
        raise DamagedValue("a list names a peak that isn't there")
    lists: dict[tuple[str, Quadrant], tuple[int, ...]] = {}
    done = 0
    for code, quadrant, length in heads:
        lists[ranking_of_code(code).name, QUADRANTS[quadrant]] = indices[done : done + length]
        done += length
    words = from_planes(raw[words_at:codes_at], 4)
    columns = [words[i * peaks * 4 : (i + 1) * peaks * 4] for i in range(2 + exact + lanes)]
    values = [_floats(column) for column in columns[2 : 2 + exact]]
    if exact == 3:
        values.append(array("f", (product32(act, in_) for act, in_ in zip(values[2], values[1], strict=True))))
    scales = [
        _scale(column, values[quantity])
        for column, quantity in zip(columns[2 + exact :], LANE_QUANTITIES[:lanes], strict=False)
    ]
    if not all(math.isfinite(number) for column in (*values, *scales) for number in column):
        raise DamagedValue("a value at a peak is not a number")
    return PackedExamples(
        before=before,
        after=after,
        lists=lists,
        sequences=integers(columns[0]),
        positions=integers(columns[1]),
        values=tuple(values),
        scales=tuple(scales),
        codes=memoryview(raw)[codes_at:].cast("b"),
    )


def product32(one: float, other: float) -> float:
    """The float32 product of two float32: exact in float64, then rounded once."""
    try:
        product: float = _FLOAT32.unpack(_FLOAT32.pack(one * other))[0]
    except OverflowError:
        return float("inf") if one * other > 0 else float("-inf")
    return product


def _scale(masked: bytes, at_peak: array[float]) -> array[float]:
    """A scale is kept as its bits xor those of |the value at the peak|, which is the scale of many windows."""
    magnitudes = array("f", map(abs, at_peak))
    if sys.byteorder == "big":
        magnitudes.byteswap()
    bits = int.from_bytes(masked, "little") ^ int.from_bytes(magnitudes.tobytes(), "little")
    return _floats(bits.to_bytes(len(masked), "little"))


def unpack_sample(blob: bytes) -> tuple[tuple[float, ...], ...]:
    """The sampled values of one neuron, a tuple a lane (gate, in[, act]), in the order of the sample's ranks."""
    raw = inflate(blob, LARGEST_PACKED)
    lanes = raw[0] if raw else 0
    if lanes not in (2, 3):
        raise DamagedValue(f"a sample has {lanes} lanes")
    data = from_planes(raw[1:], 2)
    size, odd = divmod(len(data), 2 * lanes)
    if odd:
        raise DamagedValue("the length is wrong")
    flat = struct.unpack(f"<{lanes * size}e", data)
    if not all(map(math.isfinite, flat)):
        raise DamagedValue("a sampled value is not a number")
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


def integers(data: bytes) -> array[int]:
    """Little-endian uint32."""
    words = array("I", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words
