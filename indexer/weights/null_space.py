"""The directions that an unembedding hardly reads, and the share of what a neuron writes that lies in them.

After Stolfo et al. 2024 (arXiv 2406.16254): neurons that write there change the last norm's divisor, hardly a logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .norms import Norm

_SMALL = 0.05  # of the median singular value
_LEAST, _MOST = 0.01, 0.1  # of d_model, that the space has at least and at most
_ROWS = 8192  # tokens multiplied at a time


@dataclass(frozen=True, slots=True, eq=False)
class NullSpace:
    """The near-null space of an unembedding, as orthonormal columns."""

    basis: Tensor  # d_model direction, float32

    @classmethod
    def of(cls, unembedding: Tensor, usable: Tensor, final: Norm, *, shift_counts: bool) -> NullSpace:
        """The near-null space of the rows (# token d_model) of `usable` tokens, read through the last norm.

        It is spanned by the right singular vectors whose singular values are below 5 % of the median one: at least
        1 % of d_model, and at most 10 %. Unless the `shift_counts`, what all logits have in common is left out.
        """
        gram = _gram(unembedding, usable.to(unembedding.device), final, shift_counts=shift_counts)
        values, vectors = torch.linalg.eigh(gram)  # ascending
        d_model = len(values)
        singular = values.clamp_min(0).sqrt()
        small = int((singular < _SMALL * singular.median()).sum())
        least = max(1, -int(-_LEAST * d_model // 1))
        count = min(max(small, least), max(least, int(_MOST * d_model)))
        return cls(vectors[:, :count].float().to(unembedding.device))

    @property
    def directions(self) -> int:
        return self.basis.shape[1]

    def share(self, written: Tensor) -> Tensor:
        """The share of the squared length of some vectors (# neuron d_model) that lies in the space: neuron. NaN for
        zeros."""
        written = written.to(self.basis.device)
        inside = (written @ self.basis).square().sum(1)
        return (inside / written.square().sum(1)).clamp_max(1)


def shift_counts(config: Any) -> bool:
    """Whether adding the same to all logits changes probabilities: where a model caps its logits softly."""
    text = getattr(config, "get_text_config", lambda: config)()
    return getattr(text, "final_logit_softcapping", None) is not None


def _gram(rows: Tensor, usable: Tensor, final: Norm, *, shift_counts: bool) -> Tensor:
    """The products of the columns of the rows with each other: d_model d_model, float64.

    Float32 can't tell the smallest singular values from 0: their squares are millionths of the largest.
    """
    device = rows.device if rows.device.type == "cuda" else torch.device("cpu")
    d_model = rows.shape[1]
    half = d_model // 2
    gram = torch.zeros(d_model, d_model, dtype=torch.float64, device=device)
    total = torch.zeros(d_model, dtype=torch.float64, device=device)
    for part, kept in zip(torch.split(rows, _ROWS), torch.split(usable, _ROWS), strict=True):
        read = final.read(part.float()).to(device).double()  # token d_model
        read[~kept.to(device)] = 0.0
        gram[:half] += read[:, :half].T @ read
        gram[half:, half:] += read[:, half:].T @ read[:, half:]  # what lies left of it is its mirror image
        total += read.sum(0)
    gram = gram.triu() + gram.triu(1).T
    return gram if shift_counts else gram - torch.outer(total, total) / usable.sum().to(device)
