"""Reads the packed examples and samples of many neurons back into arrays: the exact inverse of `packing`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...quadrants import QUADRANTS, Quadrant
from ...ranking import RANKINGS, ranking_of_code
from ...settings import LARGEST_PACKED
from ..format.prediction import NOT_COUNTED, act_table
from ..read.inflate import DamagedValue, inflate
from ..read.unpacking import FORMAT, HAS_ACT, HAS_POST, HEADER, LANE_QUANTITIES, LIST, from_planes
from .arrays import Float16, Float32, Int8, Int64, ListArrays
from .packing import decoded_lanes, predict_acts, predict_codes

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list that every neuron of a site has, and the places in it."""

    ranking: str
    quadrant: Quadrant
    k: int


def list_shapes(blob: bytes, top_k: int) -> tuple[ListShape, ...]:
    """The lists that a neuron's examples are packed in, in their order; DamagedValue for anything else."""
    try:
        raw = inflate(blob, LARGEST_PACKED)
        heads = list(LIST.iter_unpack(raw[HEADER.size : HEADER.size + HEADER.unpack_from(raw)[4] * LIST.size]))
        named = [(ranking_of_code(code), QUADRANTS[quadrant]) for code, quadrant, _ in heads]
    except (struct.error, KeyError, IndexError) as error:
        raise DamagedValue(str(error)) from error
    return tuple(ListShape(ranking.name, quadrant, ranking.k(top_k)) for ranking, quadrant in named)


def unpack_lists(
    blobs: Sequence[bytes], shapes: Sequence[ListShape], window: tuple[int, int], activation: str
) -> tuple[ListArrays, ...]:
    """The lists of some neurons, as `pack_examples` took them; places that it dropped as empty are empty again.

    Post at a peak may differ in the sign of a zero. DamagedValue if a blob isn't what the shapes and the window say.
    """
    try:
        neurons = [_neuron(inflate(blob, LARGEST_PACKED), shapes, window) for blob in blobs]
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedValue(str(error)) from error
    words = np.concatenate([neuron.words for neuron in neurons], axis=1)  # column peak
    codes = np.concatenate([neuron.codes for neuron in neurons], axis=1)  # lane peak slot
    lanes = len(codes)
    sequence, position = words[0].astype(np.int64), words[1].astype(np.int32)
    exact = words[2:6].view(np.float32)  # quantity peak
    scale = _scales(words[6:], words[2:6], lanes)  # lane peak
    codes[2] = _post_codes(codes, scale, activation)

    lengths = np.stack([neuron.lengths for neuron in neurons])  # neuron list
    first_peak = np.cumsum([0, *(neuron.words.shape[1] for neuron in neurons[:-1])])
    entries = [neuron.entries + first for neuron, first in zip(neurons, first_peak, strict=True)]
    entry = np.concatenate(entries)  # peaks, list after list, neuron after neuron
    list_of = np.repeat(np.tile(np.arange(len(shapes)), len(neurons)), lengths.ravel())
    neuron_of = np.repeat(np.arange(len(neurons)), lengths.sum(axis=1))
    starts = np.cumsum(lengths.ravel()) - lengths.ravel()
    rank = np.arange(len(entry)) - np.repeat(starts, lengths.ravel())

    found = []
    for place, shape in enumerate(shapes):
        mine = list_of == place
        target, peak = (neuron_of[mine], rank[mine]), entry[mine]
        size = (len(neurons), shape.k)
        found.append(
            ListArrays(
                ranking=shape.ranking,
                quadrant=shape.quadrant,
                sequence=_placed(size, target, sequence[peak], -1),
                position=_placed(size, target, position[peak], 0),
                values=_placed(size, target, exact.T[peak], 0),
                scale=_placed(size, target, scale.T[peak], 0),
                lanes=_placed(size, target, codes[:, peak].transpose(1, 0, 2), NOT_COUNTED),
            )
        )
    return tuple(found)


def unpack_samples(blobs: Sequence[bytes]) -> Float16:
    """The sampled values of some neurons, lane rank neuron, as `pack_samples` took them. DamagedValue as above."""
    try:
        raws = [inflate(blob, LARGEST_PACKED) for blob in blobs]
        lanes = {raw[0] for raw in raws}
        values = np.stack([np.frombuffer(from_planes(raw[1:], 2), "<f2").reshape(raw[0], -1) for raw in raws])
    except (ValueError, IndexError) as error:
        raise DamagedValue(str(error)) from error
    if len(lanes) != 1:
        raise DamagedValue("the samples have different lanes")
    return np.ascontiguousarray(values.transpose(1, 2, 0)).astype(np.float16)


@dataclass(frozen=True, slots=True)
class _Neuron:
    """What one blob holds, not yet decoded."""

    lengths: Int64  # list
    entries: Int64  # peaks of the lists, one list after the other
    words: Words  # column (sequence, position, four values, scales) peak
    codes: Int8  # lane peak slot


def _neuron(raw: bytes, shapes: Sequence[ListShape], window: tuple[int, int]) -> _Neuron:
    format_, flags, before, after, count, peaks = HEADER.unpack_from(raw)
    if format_ != FORMAT or (before, after) != window or count != len(shapes):
        raise DamagedValue("it is packed for other lists or windows")
    heads = list(LIST.iter_unpack(raw[HEADER.size : HEADER.size + count * LIST.size]))
    for (code, quadrant, length), shape in zip(heads, shapes, strict=True):
        if (code, quadrant) != (RANKINGS[shape.ranking].code, shape.quadrant.place) or length > shape.k:
            raise DamagedValue(f"its lists are not those by {shape.ranking} in {shape.quadrant}")
    lanes = 4 if flags & HAS_ACT else 3
    columns = 2 + (4 if flags & HAS_POST else 3) + lanes
    lengths = np.array([length for _, _, length in heads], np.int64)
    kind = np.dtype("<u2" if peaks > 256 else "u1")
    entries_at = HEADER.size + count * LIST.size
    words_at = entries_at + int(lengths.sum()) * kind.itemsize
    codes_at = words_at + columns * peaks * 4
    slots = before + 1 + after
    if len(raw) != codes_at + lanes * peaks * slots:
        raise DamagedValue("the length is wrong")
    planes = np.frombuffer(raw, np.uint8, columns * peaks * 4, words_at).reshape(4, -1)
    words = np.ascontiguousarray(planes.T).view("<u4").reshape(columns, peaks).astype(np.uint32)
    if not flags & HAS_POST:
        post = words[4].view(np.float32) * words[3].view(np.float32)  # act * in
        words = np.insert(words, 5, post.view(np.uint32), axis=0)
    codes = np.frombuffer(raw, np.int8, lanes * peaks * slots, codes_at).reshape(lanes, peaks, slots)
    entries = np.frombuffer(raw, kind, int(lengths.sum()), entries_at).astype(np.int64)
    if peaks <= int(entries.max(initial=-1)):
        raise DamagedValue("a list names a peak that isn't there")
    return _Neuron(lengths, entries, words, codes)


def _scales(masked: Words, values: Words, lanes: int) -> Float32:
    """Scales from what they differ by from the magnitudes at the peak: lane peak."""
    at_peak = values[list(LANE_QUANTITIES[:lanes])] & np.uint32(0x7FFFFFFF)
    scales: Float32 = (masked ^ at_peak).view(np.float32)
    return scales


def _post_codes(codes: Int8, scale: Float32, activation: str) -> Int8:
    """The codes of post, from what was missed by their prediction: peak slot."""
    gate, in_ = (decoded_lanes(codes[lane], scale[lane]) for lane in (0, 1))
    table = act_table(activation)
    if len(codes) == 4:
        act = decoded_lanes(codes[3], scale[3])
    elif table is None:
        raise DamagedValue(f"the activation {activation} is not known")
    else:
        act = predict_acts(np.array(table), np.nan_to_num(gate))
    predicted = predict_codes(act, in_, scale[2, :, None].astype(np.float64))
    found: Int8 = np.where(np.isnan(gate), NOT_COUNTED, codes[2] + predicted).astype(np.int8)  # modulo 256
    return found


def _placed(size: tuple[int, int], target: tuple[Int64, Int64], values: npt.NDArray[Any], empty: int) -> Any:
    """The values at their places, neuron rank ..., and `empty` elsewhere."""
    array = np.full((*size, *values.shape[1:]), empty, dtype=values.dtype)
    array[target] = values
    return array
