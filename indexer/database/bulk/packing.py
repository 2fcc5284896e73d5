"""Packs the examples and samples of a site's neurons into one pair of blobs a neuron. `unpacking` reads them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ...ranking import RANKINGS
from ..format.prediction import LEVELS, REACH, STEPS, act_table
from ..read.unpacking import FORMAT, HAS_ACT, HAS_POST, HEADER, LANE_QUANTITIES, LIST, UNITS
from .arrays import Bool, Float16, Float32, Float64, Int8, Int64, ListArrays, SiteArrays

CHUNK = 256
"""Neurons packed at a time: bounds the memory of a wide site."""

_LEVEL = 6
_UNITS = np.array([np.nan if unit is None else unit for unit in UNITS])  # indexed by -128 to 127


def pack_site(site: SiteArrays, window: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """The blobs (examples, sample) of every neuron of a site, in order; `window` is (before, after)."""

    def pack(start: int) -> list[tuple[bytes, bytes]]:
        part = slice(start, min(start + CHUNK, site.width))
        examples = pack_examples(site.lists, part, window, site.activation)
        return list(zip(examples, pack_samples(site.sample[:, :, part]), strict=True))

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # numpy and zlib let other threads run
        for packed in pool.map(pack, range(0, site.width, CHUNK)):
            yield from packed


def pack_samples(sample: Float16) -> list[bytes]:
    """The sample blob of each neuron; `sample` is lane rank neuron."""
    lanes = len(sample)
    by_neuron = np.ascontiguousarray(sample.transpose(2, 0, 1)).astype("<f2")  # neuron lane rank
    blobs = []
    for values in by_neuron:
        data = bytes([lanes]) + _planes(values, 2)
        low = 1 + values.size  # bytes, which are noise; the others repeat, but not in a row
        high = [data[low + values.shape[1] * lane :][: values.shape[1]] for lane in range(lanes)]
        blobs.append(_deflate(data[:low], *high, strategy=zlib.Z_HUFFMAN_ONLY))
    return blobs


def pack_examples(lists: Sequence[ListArrays], part: slice, window: tuple[int, int], activation: str) -> list[bytes]:
    """The examples blob of some neurons: equal (sequence, position) in a neuron's lists become one peak."""
    neurons = part.stop - part.start
    if not lists:
        return [_deflate(HEADER.pack(FORMAT, 0, *window, 0, 0))] * neurons
    sequence = np.concatenate([ranked.sequence[part] for ranked in lists], axis=1)  # neuron entry
    position = np.concatenate([ranked.position[part] for ranked in lists], axis=1).astype(np.int64)
    filled = sequence >= 0
    first, order, peak_of = _peaks(np.where(filled, sequence << 32 | position, np.iinfo(np.int64).max), filled)

    neuron, place = np.nonzero(first)
    entry = order[neuron, place]  # the entry that stands for each peak, neuron after neuron
    values = np.concatenate([ranked.values[part] for ranked in lists], axis=1)[neuron, entry]  # peak quantity
    scale = np.concatenate([ranked.scale[part] for ranked in lists], axis=1)[neuron, entry]  # peak lane
    codes = np.concatenate([ranked.lanes[part] for ranked in lists], axis=1)[neuron, entry]  # peak lane slot
    if codes.shape[2] != window[0] + 1 + window[1]:
        raise ValueError(f"windows have {codes.shape[2]} slots, not {window[0]} + 1 + {window[1]}")
    codes[:, 2] = _missed(codes, scale, activation)
    flags = HAS_ACT if codes.shape[1] == 4 else 0
    derived = values[:, 2] * values[:, 1] == values[:, 3]  # peak
    words = _words(sequence[neuron, entry], position[neuron, entry], values, scale)  # column peak
    without_post = np.delete(words, 5, axis=0)

    lengths = np.stack([(ranked.sequence[part] >= 0).sum(axis=1) for ranked in lists], axis=1)  # neuron list
    codes_of = [(RANKINGS[ranked.ranking].code, ranked.quadrant.place) for ranked in lists]
    counts = first.sum(axis=1)
    blobs = []
    for i, (stop, peaks) in enumerate(zip(np.cumsum(counts).tolist(), counts.tolist(), strict=True)):
        own = slice(stop - peaks, stop)
        exact = 0 if derived[own].all() else HAS_POST
        head = HEADER.pack(FORMAT, flags | exact, *window, len(lists), peaks)
        lengths_of = zip(codes_of, lengths[i].tolist(), strict=True)
        head += b"".join(LIST.pack(*codes_, length) for codes_, length in lengths_of)
        head += peak_of[i, filled[i]].astype("<u2" if peaks > 256 else "u1").tobytes()
        head += _planes((words if exact else without_post)[:, own], 4)
        lanes = codes[own].transpose(1, 0, 2)  # lane peak slot
        blobs.append(_deflate(head, *(lane.tobytes() for lane in lanes)))
    return blobs


def _peaks(key: Int64, filled: Bool) -> tuple[Bool, Int64, Int64]:
    """Number the distinct keys of each neuron in ascending order; `key` and `filled` are neuron entry.

    Returns where, in the order of keys, a peak begins (neuron place); that order; and the peak of each entry.
    """
    order = np.argsort(key, axis=1, kind="stable")  # neuron place
    ordered = np.take_along_axis(key, order, axis=1)
    first = np.take_along_axis(filled, order, axis=1)
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    peak_of = np.empty_like(order)
    np.put_along_axis(peak_of, order, np.cumsum(first, axis=1) - 1, axis=1)
    return first, order, peak_of


def _missed(codes: Int8, scale: Float32, activation: str) -> Int8:
    """The codes of post less those predicted from the other lanes, modulo 256: peak slot. See `prediction`."""
    gate, in_, post = (decoded_lanes(codes[:, lane], scale[:, lane]) for lane in range(3))
    if np.any(np.isnan(gate) != np.isnan(post)) or np.any(np.isnan(in_) != np.isnan(post)):
        raise ValueError("the lanes of a window have values at different positions")
    table = act_table(activation)
    if codes.shape[1] == 4:
        act = decoded_lanes(codes[:, 3], scale[:, 3])
    elif table is None:
        raise ValueError(f"the activation {activation} is not known, so act must be a lane")
    else:
        act = predict_acts(np.array(table), np.nan_to_num(gate))
    predicted = predict_codes(act, in_, scale[:, 2, None].astype(np.float64))
    missed: Int8 = np.where(np.isnan(gate), 0, codes[:, 2] - predicted).astype(np.int8)
    return missed


def decoded_lanes(codes: Int8, scale: Float32) -> Float64:
    """The values of a lane's codes, NaN without a value: peak slot."""
    values: Float64 = _UNITS[codes.astype(np.int64)] * scale[:, None].astype(np.float64)
    return values


def predict_acts(table: Float64, gate: Float64) -> Float64:
    """`prediction.predict_act` of many gates, the same to the bit."""
    place = (gate + REACH) * STEPS
    entry = np.clip(place, 0, len(table) - 2).astype(np.int64)
    acts: Float64 = table[entry] + (place - entry) * (table[entry + 1] - table[entry])
    return acts


def predict_codes(act: Float64, in_: Float64, scale: Float64) -> npt.NDArray[np.int16]:
    """`prediction.predict_code` of many values, the same to the bit; anything where in is NaN."""
    post = act * in_
    none = (post == 0) | (scale == 0) | np.isnan(post)
    with np.errstate(over="ignore"):
        step = np.abs(np.where(none, 1.0, post)) / np.where(scale == 0, 1.0, scale) * LEVELS
    code = np.clip(np.ceil(np.minimum(step, LEVELS)), 1, LEVELS)
    signed: npt.NDArray[np.int16] = np.where(none, 0, np.where(post > 0, code, -code)).astype(np.int16)
    return signed


def _words(sequence: Int64, position: Int64, values: Float32, scale: Float32) -> npt.NDArray[np.uint32]:
    """Columns of 32-bit words, (column peak): sequence, position, four values, scales ^ |value at the peak|."""
    exact = np.ascontiguousarray(values.T).astype("<f4").view("<u4")  # quantity peak
    scales = np.ascontiguousarray(scale.T).astype("<f4").view("<u4")  # lane peak
    at_peak = exact[list(LANE_QUANTITIES[: scales.shape[0]])] & np.uint32(0x7FFFFFFF)
    return np.concatenate([np.stack([sequence, position]).astype("<u4"), exact, scales ^ at_peak])


def _planes(words: npt.NDArray[np.generic], width: int) -> bytes:
    """The words' bytes, all first bytes before all second ones: equal exponents then lie side by side."""
    planes: npt.NDArray[np.uint8] = np.frombuffer(words.tobytes(), np.uint8).reshape(-1, width).T
    return planes.tobytes()


def _deflate(*parts: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """One zlib stream, each part coded by its own frequencies."""
    stream = zlib.compressobj(_LEVEL, strategy=strategy)
    return b"".join(stream.compress(part) + stream.flush(zlib.Z_BLOCK) for part in parts) + stream.flush()
