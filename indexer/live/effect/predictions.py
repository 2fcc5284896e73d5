"""What the plain run predicts at every position of a batch: kept once for all variants."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..head import Head

BLOCK_NUMBERS = 2**25
"""Logits that are computed at once: rows times tokens."""

KEPT_BYTES = 2**30
"""Log-probabilities of a batch that are kept; those of larger batches are computed again for every variant."""

_LEAST = -1e30  # of a logit: tokens that a model rules out with -inf give no NaN


class Predictions:
    """The next-token distributions of a batch."""

    def __init__(self, head: Head, hidden: Tensor, ids: Tensor, real: Tensor) -> None:
        """`hidden`: last states (# row position d_model); `ids` and `real` (bool) are # row position.

        nll: of the token that follows, `real` where one does; entropy and top: of the distribution.
        """
        self._head = head
        self._hidden = hidden.reshape(-1, hidden.shape[-1])
        self.length = ids.shape[1]
        following = torch.cat([ids[:, 1:], ids[:, :1]], dim=1).to(hidden.device)  # row position
        self.target = following.reshape(-1)
        self.follows = torch.cat([real[:, 1:], torch.zeros_like(real[:, :1])], dim=1)
        flat = real.reshape(-1).nonzero()[:, 0].to(hidden.device)
        fits = len(self._hidden) * len(head.rows) * 4 <= KEPT_BYTES
        self._kept: Tensor | None = None
        self.nll = hidden.new_full((len(self._hidden),), torch.nan, dtype=torch.float32)
        self.entropy, self.top = self.nll.clone(), torch.zeros_like(self.target)
        for part in blocks(flat, len(head.rows)):
            log = log_probabilities(head, self._hidden[part])  # row token
            if fits:
                if self._kept is None:
                    self._kept = log.new_empty(len(self._hidden), log.shape[1])
                self._kept[part] = log
            self.nll[part] = -log.gather(1, self.target[part, None])[:, 0]
            self.entropy[part] = -torch.linalg.vecdot(log.exp(), log)
            self.top[part] = log.argmax(1)

    def log_probabilities(self, places: Tensor) -> Tensor:
        """At flat places (# row) of the batch: row token. A tensor of the caller's own."""
        if self._kept is not None:
            return self._kept[places]
        return log_probabilities(self._head, self._hidden[places])


def log_probabilities(head: Head, hidden: Tensor) -> Tensor:
    """Of the next token, from last states (# row d_model): row token, float32.

    log_softmax adds up 262,144 tokens so roughly on a CPU that a likelihood would be off by 1e-5; logsumexp does not.
    """
    logits = head.logits(hidden).clamp_(min=_LEAST)
    return logits.sub_(torch.logsumexp(logits, dim=-1, keepdim=True))


def blocks(places: Tensor, tokens: int) -> Iterator[Tensor]:
    """Places in parts so small that their logits are computed at once."""
    rows = max(1, BLOCK_NUMBERS // tokens)
    for start in range(0, len(places), rows):
        yield places[start : start + rows]
