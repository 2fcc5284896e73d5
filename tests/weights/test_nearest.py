"""The best rows of a table equal those of an exact comparison, whatever bfloat16 does to the scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from indexer.weights.nearest import Table

K = 5


def exact(rows: Tensor, queries: Tensor, *, cosine: bool) -> Tensor:
    products = queries.double() @ rows.double().T
    return products / rows.double().norm(dim=1) if cosine else products


@pytest.mark.parametrize("count", [3, 40, 1000, 4096, 4099])
@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_ends_and_the_largest_magnitudes_are_found(count: int, cosine: bool, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(count)
    rows = (torch.randn(count, 32, generator=generator) * (1 + torch.rand(count, 1, generator=generator))).to(dtype)
    queries = torch.randn(50, 32, generator=generator)
    usable = torch.rand(count, generator=generator) < 0.9
    table = Table.of(rows, usable, cosine=cosine)
    k = min(K, int(usable.sum()))
    scores = exact(rows, queries, cosine=cosine)
    largest, smallest = table.best(queries, k)
    for best, fill, sign in ((largest, float("-inf"), 1), (smallest, float("inf"), -1)):
        allowed = scores.masked_fill(~usable, fill)
        assert best.rows.tolist() == (sign * allowed).argsort(dim=1, descending=True)[:, :k].tolist()
        assert torch.allclose(best.scores.double(), scores.gather(1, best.rows), atol=1e-4)
    own = torch.arange(50) % count
    magnitude = scores.abs().masked_fill(~usable, float("-inf"))
    magnitude[torch.arange(50), own] = float("-inf")
    found = table.best_magnitude(queries, k, own)
    there = magnitude.gather(1, magnitude.argsort(dim=1, descending=True)[:, :k])
    wanted = magnitude.argsort(dim=1, descending=True)[:, :k].masked_fill(there == float("-inf"), -1)
    assert found.rows.tolist() == wanted.tolist()


def test_rows_that_bfloat16_cannot_tell_apart_are_compared_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(1, 32, generator=generator) + 1e-4 * torch.randn(3000, 32, generator=generator)
    queries = torch.randn(20, 32, generator=generator)
    table = Table.of(rows, torch.ones(3000, dtype=torch.bool), cosine=False)
    scores = exact(rows, queries, cosine=False)
    assert (scores.bfloat16().sort(dim=1).values.diff(dim=1) == 0).float().mean() > 0.9
    largest, smallest = table.best(queries, K)
    for best, descending in ((largest, True), (smallest, False)):
        wanted = scores.sort(dim=1, descending=descending).values[:, :K]
        assert torch.allclose(scores.gather(1, best.rows), wanted, atol=5e-6, rtol=0)
        assert scores[0].std() > 1e-4


def test_of_equal_rows_only_usable_ones_are_chosen_and_stand_in_order() -> None:
    rows = torch.ones(200, 8)
    table = Table.of(rows, torch.arange(200) % 2 == 1, cosine=True)
    for best in table.best(torch.ones(1, 8), K):
        chosen = best.rows[0].tolist()
        assert chosen == sorted(set(chosen))
        assert all(row % 2 == 1 for row in chosen)
        assert best.scores[0].tolist() == pytest.approx([8**0.5] * K)
