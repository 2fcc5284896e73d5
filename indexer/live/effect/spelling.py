"""Tokens as text: the ends of a list of changes, and whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...database.read.spans import window_text
from ...sequences.tokenizer import token_bytes
from ...weights.vocabulary import usable_tokens
from .result import TokenChange

TOKENS = 16
"""In each list."""


class Spelling:
    """The tokens of a model."""

    def __init__(self, tokenizer: Any, rows: int) -> None:
        """`rows`: of the unembedding."""
        self._tokenizer = tokenizer
        self._usable = usable_tokens(tokenizer, rows)

    def ends(self, changes: Tensor) -> tuple[tuple[TokenChange, ...], tuple[TokenChange, ...]]:
        """The tokens that rise most and those that fall most (changes: # token), of those that text is made of."""
        own = changes.float().cpu()
        return self._top(own, largest=True), self._top(own, largest=False)

    def _top(self, changes: Tensor, *, largest: bool) -> tuple[TokenChange, ...]:
        never = -torch.inf if largest else torch.inf
        found = torch.where(self._usable, changes, never).topk(min(TOKENS, len(changes)), largest=largest)
        pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
        kept = [(id_, change) for id_, change in pairs if (change > 0 if largest else change < 0)]
        spelled = token_bytes(self._tokenizer, [id_ for id_, _ in kept])
        return tuple(
            TokenChange(id_, data.decode(errors="replace"), change)
            for (id_, change), data in zip(kept, spelled, strict=True)
        )

    def texts(self, ids: Sequence[int]) -> tuple[str, ...]:
        """The text of each token; a character belongs to the token that holds its first byte."""
        return tuple(window_text([], token_bytes(self._tokenizer, ids), []))
