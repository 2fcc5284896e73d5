"""How the scores of all tokens that a neuron writes are spread: mean, standard deviation, skew and kurtosis.

After Gurnee et al. 2024 (arXiv 2401.12181): a high kurtosis with a positive skew marks a prediction neuron, with a
negative skew a suppression neuron, where post is positive.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .nearest import Table

_AT_ONCE = 1 << 18  # scores at a time on a CPU, so that they stay in its cache


class ScoreSpread:
    """The moments of neurons' scores, from the products that the token lists are made of."""

    def __init__(self, table: Table) -> None:
        usable = torch.ones(len(table.fast), dtype=torch.bool, device=table.fast.device)
        usable[table.left_out] = False
        kept = usable.nonzero()[:, 0]
        self._tokens = len(kept)
        self._left_out = table.left_out
        total = torch.zeros(table.rows.shape[1], dtype=torch.float64 if _has_float64(usable) else torch.float32)
        for part in torch.split(kept, 8192):
            total += table.rows[part].float().sum(0, dtype=total.dtype).to(total.device)
        self._mean = (total / max(self._tokens, 1)).float().to(usable.device)  # d_model

    def of(self, scores: Tensor, queries: Tensor) -> Tensor:
        """Mean, standard deviation, skew and kurtosis: number query. NaN where all scores are equal.

        `scores`: the products of the queries with the table, in bfloat16 (# query row), whose columns of tokens that
        are left out are overwritten. Their rounding is unbiased, and the mean is computed in float32, so that sums of
        powers of the differences are exact enough.
        """
        mean = queries @ self._mean  # query
        scores[:, self._left_out] = mean.to(scores.dtype)[:, None]  # a difference of nearly 0
        sums = torch.cat([_sums(some, at) for some, at in self._parts(scores, mean)], dim=1)
        second, third, fourth = sums.double() / self._tokens if _has_float64(sums) else sums / self._tokens
        second = torch.where(queries.any(dim=1), second, 0.0)
        deviation = second.sqrt()
        return torch.stack([mean, deviation, third / deviation**3, fourth / second**2]).float()

    @staticmethod
    def _parts(scores: Tensor, mean: Tensor) -> zip[tuple[Tensor, Tensor]]:
        rows = max(1, _AT_ONCE // scores.shape[1]) if scores.device.type == "cpu" else len(scores)
        return zip(torch.split(scores, rows), torch.split(mean, rows), strict=True)


def _sums(scores: Tensor, mean: Tensor) -> Tensor:
    """The sums of the second, third and fourth powers of the differences from the mean: power query."""
    off = scores - mean[:, None]  # query row, float32
    squares = off * off
    return torch.stack([_dots(off, off), _dots(squares, off), _dots(squares, squares)])


def _dots(one: Tensor, other: Tensor) -> Tensor:
    """The dot products row by row, as products of matrices, which make no third matrix: query."""
    return torch.bmm(one[:, None, :], other[:, :, None])[:, 0, 0]


def _has_float64(tensor: Tensor) -> bool:
    return tensor.device.type != "mps"
