"""Likelihoods over large vocabularies."""

from __future__ import annotations

from typing import Any

import torch

from indexer.live.effect.predictions import log_probabilities


def test_likelihoods_among_many_tokens_are_exact_to_rounding() -> None:
    """The changes that are measured can be as small as 1e-5."""
    logits = 3 * torch.randn(16, 262_144, generator=torch.Generator().manual_seed(0))

    class Head:
        def logits(self, last: torch.Tensor) -> torch.Tensor:
            return last.clone()

    head: Any = Head()
    with torch.inference_mode():
        found = log_probabilities(head, logits)[:, 7].double()
    expected = torch.log_softmax(logits.double(), dim=1)[:, 7]
    assert float((found - expected).abs().max()) < 3e-6
    assert abs(float((found - expected).mean())) < 1e-6
