"""Packs the examples and samples of a site's neurons into one pair of blobs a neuron. `unpacking` reads them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ..quadrants import QUADRANTS
from .arrays import Bool, Float16, Float32, Int8, ListArrays, SiteArrays
from .schema import RANKING_CODES, SAMPLE_SCALE
from .unpacking import FORMAT, HEADER, LANE_QUANTITIES, LIST, NOT_COUNTED

CHUNK = 256
"""Neurons packed at a time: bounds the memory of a wide site."""

_LEVEL = 6


def encode_lanes(values: Float32, valid: Bool) -> tuple[Int8, Float32]:
    """One signed byte a value: (codes like `values`, scales without the last axis).

    `values` (..., slot) are those of windows, `valid` (..., slot), broadcast, says where there is a counted value.
    The scale is the largest |value| of a window. Code 0 is exactly 0, -128 no value, others the middle of one of 127
    steps of either sign: decoded, a value is off by at most 0.5/127 of its scale and keeps its exact sign.
    """
    known = np.where(valid, values, np.float32(0)).astype(np.float64)
    magnitude = np.abs(known)
    scale = magnitude.max(axis=-1, initial=0.0)
    steps = np.ceil(magnitude / np.where(scale > 0, scale, 1.0)[..., None] * 127)
    codes = np.sign(known) * np.clip(steps, 1, 127)
    coded = np.where(np.broadcast_to(valid, known.shape), codes, NOT_COUNTED).astype(np.int8)
    return coded, scale.astype(np.float32)


def encode_sample(values: npt.NDArray[np.floating]) -> Float16:
    """Sampled values as the index keeps them: float16 of value / 16, clipped to the range of float16."""
    limit = float(np.finfo(np.float16).max)
    scaled = np.asarray(values, dtype=np.float32) / SAMPLE_SCALE
    return np.asarray(np.clip(scaled, -limit, limit), dtype=np.float16)


def pack_site(site: SiteArrays, window: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """The blobs (examples, sample) of every neuron of a site, in order; `window` is (before, after)."""
    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, site.width, CHUNK):
            part = slice(start, min(start + CHUNK, site.width))
            examples = pool.map(_deflate, _raw_examples(site.lists, part, window, part.stop - start))
            samples = pool.map(_deflate, _raw_samples(site.sample[:, :, part]))
            yield from zip(examples, samples, strict=True)


def _deflate(raw: bytes) -> bytes:
    return zlib.compress(raw, _LEVEL)


def _raw_samples(sample: Float16) -> Iterable[bytes]:
    lanes = bytes([sample.shape[0]])
    by_neuron = np.ascontiguousarray(sample.transpose(2, 0, 1)).astype("<f2")  # neuron lane rank
    return [lanes + _planes(values, 2) for values in by_neuron]


def _raw_examples(lists: Sequence[ListArrays], part: slice, window: tuple[int, int], neurons: int) -> list[bytes]:
    """Uncompressed blobs of some neurons: equal (sequence, position) of a neuron's lists become one peak."""
    slots = window[0] + 1 + window[1]
    if not lists:
        return [HEADER.pack(FORMAT, 0, *window, 0, 0)] * neurons
    sequence = np.concatenate([ranked.sequence[part] for ranked in lists], axis=1)  # neuron entry
    position = np.concatenate([ranked.position[part] for ranked in lists], axis=1).astype(np.int64)
    filled = sequence >= 0
    key = np.where(filled, sequence << 32 | position, np.iinfo(np.int64).max)
    order = np.argsort(key, axis=1, kind="stable")  # neuron place
    ordered = np.take_along_axis(key, order, axis=1)
    first = np.take_along_axis(filled, order, axis=1)
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    peak_of = np.empty_like(order)
    np.put_along_axis(peak_of, order, np.cumsum(first, axis=1) - 1, axis=1)  # neuron entry

    neuron, place = np.nonzero(first)
    entry = order[neuron, place]  # the entry that stands for each peak, neuron after neuron
    values = np.concatenate([ranked.values[part] for ranked in lists], axis=1)[neuron, entry]  # peak quantity
    scale = np.concatenate([ranked.scale[part] for ranked in lists], axis=1)[neuron, entry]  # peak lane
    lanes = np.concatenate([ranked.lanes[part] for ranked in lists], axis=1)[neuron, entry]  # peak lane slot
    if lanes.shape[-1] != slots:
        raise ValueError(f"windows have {lanes.shape[-1]} slots, not {slots}")
    words = _words(sequence[neuron, entry], position[neuron, entry], values, scale)

    lengths = np.stack([(ranked.sequence[part] >= 0).sum(axis=1) for ranked in lists], axis=1)  # neuron list
    ends = np.cumsum(first.sum(axis=1))
    blobs = []
    for i, end in enumerate(ends.tolist()):
        begin = end - int(first[i].sum())
        wide = np.dtype("<u2" if end - begin > 256 else "u1")
        blobs.append(
            HEADER.pack(FORMAT, lanes.shape[1], *window, len(lists), end - begin)
            + b"".join(
                LIST.pack(RANKING_CODES[ranked.ranking], QUADRANTS.index(ranked.quadrant), length)
                for ranked, length in zip(lists, lengths[i].tolist(), strict=True)
            )
            + peak_of[i, filled[i]].astype(wide).tobytes()
            + _planes(words[:, begin:end], 4)
            + np.ascontiguousarray(lanes[begin:end].transpose(1, 0, 2)).tobytes()
        )
    return blobs


def _words(
    sequence: npt.NDArray[np.int64], position: npt.NDArray[np.int64], values: Float32, scale: Float32
) -> npt.NDArray[np.uint32]:
    """Columns of 32-bit words, (column peak): sequence, position, four values, scales ^ |value at the peak|."""
    exact = np.ascontiguousarray(values.T).astype("<f4").view("<u4")  # quantity peak
    scales = np.ascontiguousarray(scale.T).astype("<f4").view("<u4")  # lane peak
    at_peak = exact[list(LANE_QUANTITIES[: scales.shape[0]])] & np.uint32(0x7FFFFFFF)
    return np.concatenate([np.stack([sequence, position]).astype("<u4"), exact, scales ^ at_peak])


def _planes(words: npt.NDArray[np.generic], width: int) -> bytes:
    """The words' bytes, all first bytes before all second ones: equal exponents then lie side by side."""
    planes: npt.NDArray[np.uint8] = np.frombuffer(words.tobytes(), np.uint8).reshape(-1, width).T
    return planes.tobytes()
