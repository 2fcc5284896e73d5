"""How the scores of all tokens that a neuron writes are spread: mean, standard deviation, skew and kurtosis.

After Gurnee et al. 2024 (arXiv 2401.12181): a high kurtosis with a positive skew marks a prediction neuron, with a
negative skew a suppression neuron, where post is positive.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .nearest import Table

if TYPE_CHECKING:
    from .power_loops import PowerLoops

_AT_ONCE = 1 << 19  # scores at a time on a CPU, so that they stay in its cache


class ScoreSpread:
    """The moments of neurons' scores, from the products that the token lists are made of."""

    def __init__(self, table: Table) -> None:
        usable = torch.ones(len(table.fast), dtype=torch.bool, device=table.fast.device)
        usable[table.left_out] = False
        self._tokens = int(usable.sum())
        self._left_out = table.left_out
        self._mean = _mean(table.rows, usable[: len(table.rows)])
        self._centre = _mean(table.fast, usable)

    def of(self, scores: Tensor, queries: Tensor) -> Tensor:
        """Mean, standard deviation, skew and kurtosis: number query. NaN where all scores are equal.

        `scores`: the products of the queries with the table, in bfloat16 (# query row), whose columns of tokens that
        are left out are overwritten. The mean is that of the float32 products. Powers are of the differences from the
        mean of the bfloat16 ones, which lies beside it, so that what their rounding adds has no direction.
        """
        centre = queries.to(torch.bfloat16).float() @ self._centre  # query
        scores[:, self._left_out] = centre.to(scores.dtype)[:, None]  # a difference of nearly 0
        loops = _loops() if scores.device.type == "cpu" else None
        sums = _sums(scores, centre) if loops is None else loops.sums(scores, centre)
        second, third, fourth = sums.double() / self._tokens if _has_float64(sums) else sums / self._tokens
        second = torch.where(queries.any(dim=1), second, 0.0)
        deviation = second.sqrt()
        return torch.stack([queries @ self._mean, deviation, third / deviation**3, fourth / second**2]).float()


def _mean(rows: Tensor, usable: Tensor) -> Tensor:
    """The mean of the `usable` rows (# row d_model): d_model, float32."""
    wide = torch.float64 if _has_float64(rows) else torch.float32
    total = torch.zeros(rows.shape[1], dtype=wide, device=rows.device)
    for part, kept in zip(torch.split(rows, 1024), torch.split(usable, 1024), strict=True):
        own = part[kept].float()
        total += (own.new_ones(len(own)) @ own).to(wide)  # faster than a sum
    return (total / usable.sum().clamp_min(1)).float()


@cache
def _loops() -> PowerLoops | None:
    """numba's loops, which take a third of the time on a CPU; None where numba can't be used."""
    try:
        from .power_loops import PowerLoops

        return PowerLoops()
    except Exception:  # errors of numba, LLVM, files or memory: tensor operations do the same
        return None


def _sums(scores: Tensor, mean: Tensor) -> Tensor:
    """The sums of the second, third and fourth powers of the differences from the mean: power query.

    On a CPU each step writes into memory that the next finds in the cache.
    """
    queries, columns = scores.shape
    rows = max(1, _AT_ONCE // columns) if scores.device.type == "cpu" else queries
    off = torch.empty(min(rows, queries), columns, device=scores.device)  # query row
    squares = torch.empty_like(off)
    found = torch.empty(3, queries, device=scores.device)
    for start in range(0, queries, rows):
        part = slice(start, min(start + rows, queries))
        one, two = off[: part.stop - start], squares[: part.stop - start]
        one.copy_(scores[part]).sub_(mean[part, None])
        torch.mul(one, one, out=two)
        found[0, part] = two.sum(dim=1)
        found[1, part] = torch.linalg.vecdot(one, two)
        found[2, part] = torch.linalg.vecdot(two, two)
    return found


def _has_float64(tensor: Tensor) -> bool:
    return tensor.device.type != "mps"
