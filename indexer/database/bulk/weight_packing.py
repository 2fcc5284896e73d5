"""Packs and unpacks the token lists and nearest neurons of a site's neurons, with numpy. See docs/schema.md."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..read.weight_lists import FORMAT, HEADER, NEIGHBOUR_LISTS, NONE, TOKEN_LISTS, UNIT, Listed, unpack_lists
from .arrays import Float32, Int32, Int64, WeightArrays

LEVEL = 6


def pack_lists(site: WeightArrays) -> Iterator[bytes]:
    """The blob of each neuron."""
    _, width, ends = site.tokens.shape
    kinds = site.neighbours.shape[2]
    scales = _scales(site.scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = site.scores / np.repeat(scales, 2, axis=0)[:, :, None]  # list neuron rank
    rows = np.concatenate(
        [
            np.broadcast_to(np.frombuffer(HEADER.pack(FORMAT, ends, kinds, 0), np.uint8), (width, HEADER.size)),
            np.ascontiguousarray(scales.T.astype("<f4")).view(np.uint8),
            planes(np.where(site.tokens < 0, NONE, site.tokens.astype(np.int64)), "<u4"),
            planes(codes(shares), "<i2"),
            planes(np.where(site.neighbours < 0, NONE, site.neighbours), "<u4"),
            planes(codes(site.neighbour_cosines), "<i2"),
        ],
        axis=1,
    )  # neuron byte
    for row in rows:
        yield zlib.compress(row.tobytes(), LEVEL)


def kept_scores(site: WeightArrays) -> Float32:
    """The scores as they are read back: to 1/32,767 of the largest in their pair of lists."""
    scales = np.repeat(_scales(site.scores), 2, axis=0)[:, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept_codes = codes(site.scores / scales)
    kept = (kept_codes / UNIT * scales.astype(np.float64)).astype(np.float32)
    return np.where(site.tokens < 0, np.float32(np.nan), kept)


def _scales(scores: Float32) -> Float32:
    """The largest magnitude in each pair of lists; NaN where they are empty: pair neuron."""
    lists, width, ends = scores.shape
    pairs = np.abs(scores).reshape(lists // 2, 2, width, ends)
    largest = np.where(np.isnan(pairs), -1.0, pairs).max(axis=(1, 3), initial=-1.0)
    return np.where(largest < 0, np.nan, largest).astype(np.float32)


def codes(shares: Float32) -> Int32:
    """The codes of scores as shares of their scale, or of cosines; 0 for NaN."""
    codes: Int32 = np.rint(np.nan_to_num(shares) * UNIT).astype(np.int32)
    return codes


def planes(values: npt.NDArray[np.int32] | Int64, kind: str) -> npt.NDArray[np.uint8]:
    """All lists of a neuron one after the other, in byte planes: neuron byte."""
    words = np.ascontiguousarray(values.transpose(1, 0, 2).astype(kind))  # neuron list rank
    width, size = len(words), words.dtype.itemsize
    raw = words.reshape(width, -1, 1).view(np.uint8).reshape(width, -1, size)  # neuron word byte
    found: npt.NDArray[np.uint8] = raw.transpose(0, 2, 1).reshape(width, -1)
    return found


def unpack_site(blobs: Sequence[bytes]) -> tuple[Int32, Float32, Int64, Float32]:
    """Tokens, scores, neighbours and their cosines of a site's neurons, as `WeightArrays` has them, to the precision
    that is kept."""
    lists = [unpack_lists(blob) for blob in blobs]
    ends = max((len(one) for neuron in lists for one in neuron.tokens), default=0)
    kinds = max((len(one) for neuron in lists for one in neuron.neighbours), default=0)
    tokens = np.full((TOKEN_LISTS, len(blobs), ends), -1, np.int32)
    scores = np.full((TOKEN_LISTS, len(blobs), ends), np.nan, np.float32)
    neighbours = np.full((NEIGHBOUR_LISTS, len(blobs), kinds), -1, np.int64)
    cosines = np.full((NEIGHBOUR_LISTS, len(blobs), kinds), np.nan, np.float32)
    for neuron, unpacked in enumerate(lists):
        for place, one in enumerate(unpacked.tokens):
            if one:
                tokens[place, neuron], scores[place, neuron] = zip(*one, strict=True)
        for place, near in enumerate(unpacked.neighbours):
            fill(near, neighbours[place, neuron], cosines[place, neuron])
    return tokens, scores, neighbours, cosines


def fill(listed: Sequence[Listed], neurons: Int64, cosines: Float32) -> None:
    """Write a list into its rows (# rank) of two arrays."""
    for rank, (number, flipped, cosine) in enumerate(listed):
        neurons[rank] = 2 * number + flipped
        cosines[rank] = cosine
