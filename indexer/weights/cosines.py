"""The cosines of each neuron's three vectors, their lengths, its class, and the band of chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..database.bulk.arrays import Float32
from .rw_class import rw_class
from .vectors import SiteVectors, Vectors

BAND = 0.95
"""The share of mismatched pairs whose cosine lies within the band of chance."""

_PAIRED = 256  # neurons of a site, evenly spaced, that are paired with each other

_KINDS: tuple[Callable[[Vectors], tuple[Tensor, Tensor]], ...] = (
    lambda vectors: (vectors.gate, vectors.in_),
    lambda vectors: (vectors.in_, vectors.out),
    lambda vectors: (vectors.gate, vectors.out),
)


@dataclass(frozen=True, slots=True)
class SiteCosines:
    """The cosines gate_in, in_out and gate_out of a site's neurons, with raw signs; also lengths, classes and bands."""

    cosines: Float32  # kind neuron; NaN where a vector is zero
    norms: Float32  # vector (gate, in, out) neuron
    classes: tuple[str | None, ...]  # neuron
    bands: tuple[float | None, float | None, float | None]  # kind; None without pairs


def site_cosines(vectors: SiteVectors) -> SiteCosines:
    """The cosines of a site."""
    width = vectors.site.width
    cosines = np.empty((3, width), np.float32)
    norms = np.empty((3, width), np.float32)
    for part, block in vectors.blocks():
        lengths = [_dots(vector, vector).sqrt() for vector in block]  # each # neuron
        norms[:, part] = torch.stack(lengths).cpu().numpy()
        for kind, pair in enumerate(_KINDS):
            cosines[kind, part] = _cosines(*pair(block)).cpu().numpy()
    classes = tuple(rw_class(*neuron) for neuron in cosines.T.tolist())
    return SiteCosines(cosines, norms, classes, _bands(vectors))


def _bands(vectors: SiteVectors) -> tuple[float | None, float | None, float | None]:
    """The magnitude that BAND of the cosines of mismatched pairs don't exceed: of vectors of two different neurons."""
    width = vectors.site.width
    spread = [n * width // min(width, _PAIRED) for n in range(min(width, _PAIRED))]
    chosen = vectors.some(spread)
    mismatched = ~np.eye(len(spread), dtype=bool)
    bands: list[float | None] = []
    for pair in _KINDS:
        one, other = pair(chosen)
        known = (one.any(dim=1)[:, None] & other.any(dim=1)).cpu().numpy() & mismatched
        magnitudes = (normalize(one, dim=1) @ normalize(other, dim=1).T).abs().cpu().numpy()[known]
        bands.append(float(np.quantile(magnitudes, BAND)) if len(magnitudes) else None)
    return bands[0], bands[1], bands[2]


def _cosines(one: Tensor, other: Tensor) -> Tensor:
    """The cosine of each row of one with the same row of the other, NaN if one is zero: neuron."""
    lengths = (_dots(one, one) * _dots(other, other)).sqrt()
    return torch.where(lengths > 0, (_dots(one, other) / lengths).clamp(-1, 1), torch.nan)


def _dots(one: Tensor, other: Tensor) -> Tensor:
    """The dot product row by row, summed in float64 if the device has it: neuron."""
    return (one * other).sum(dim=1, dtype=torch.float32 if one.device.type == "mps" else torch.float64)
