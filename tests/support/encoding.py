"""Windows and samples as an index keeps them, in plain numpy: what the tensors of a run must come to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indexer.database.bulk.arrays import Bool, Float16, Float32, Int8
from indexer.database.format.prediction import LEVELS, NOT_COUNTED
from indexer.database.format.schema import SAMPLE_SCALE


def encode_lanes(values: Float32, valid: Bool) -> tuple[Int8, Float32]:
    """One signed byte a value: (codes like `values`, scales without the last axis).

    `values` (..., slot) are those of windows, `valid` (..., slot), broadcast, says where there is a counted value.
    The scale is the largest |value| of a window. Code 0 is exactly 0, -128 no value, others the middle of one of 127
    steps of either sign: decoded, a value is off by at most 0.5 / 127 of its scale and keeps its exact sign.
    """
    known = np.where(valid, values, np.float32(0)).astype(np.float64)
    magnitude = np.abs(known)
    scale = magnitude.max(axis=-1, initial=0.0)
    steps = np.ceil(magnitude / np.where(scale > 0, scale, 1.0)[..., None] * LEVELS)
    codes = np.sign(known) * np.clip(steps, 1, LEVELS)
    coded = np.where(np.broadcast_to(valid, known.shape), codes, NOT_COUNTED).astype(np.int8)
    return coded, scale.astype(np.float32)


def encode_sample(values: npt.NDArray[np.floating]) -> Float16:
    """Sampled values as the index keeps them: float16 of value / 16, clipped to the range of float16."""
    limit = float(np.finfo(np.float16).max)
    scaled = np.asarray(values, dtype=np.float32) / SAMPLE_SCALE
    return np.asarray(np.clip(scaled, -limit, limit), dtype=np.float16)
