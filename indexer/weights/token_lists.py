"""The tokens that a neuron writes, and those that it reads: the ends of its products with a matrix of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..database.bulk.arrays import Float32, Int32
from .nearest import Table
from .norms import Norm
from .vectors import SiteVectors

TOKENS = 16
"""In each list."""

Done = Callable[[int], None]


class TokenLists:
    """The six lists of every site's neurons, filled table by table so that one is in memory at a time."""

    def __init__(self, sites: Sequence[SiteVectors], tokens: int) -> None:
        """`tokens`: the number of tokens to choose from."""
        self.ends = min(TOKENS, tokens)
        shape = (6, self.ends)
        self.tokens: dict[str, Int32] = {}  # list neuron rank
        self.scores: dict[str, Float32] = {}
        for vectors in sites:
            name, width = vectors.site.address.name, vectors.site.width
            self.tokens[name] = np.full((shape[0], width, shape[1]), -1, np.int32)
            self.scores[name] = np.full((shape[0], width, shape[1]), np.nan, np.float32)
        self._sites = sites

    def write(self, unembedding: Tensor, usable: Tensor, final: Norm, done: Done) -> None:
        """The tokens each neuron writes: those whose logits w_out raises and lowers most, through the final norm."""
        table = Table.of(unembedding, usable, cosine=False)
        for vectors in self._sites:
            if vectors.site.address.stack != "enc":  # an encoder's stream isn't read by the head
                scale = vectors.around.reach.scale

                def entering(block: Tensor, scale: float = scale) -> Tensor:
                    return final.written(block * scale)

                self._fill(vectors, "out", table, 0, entering, done)

    def read(self, embeddings: Tensor, usable: Tensor, stack: str, done: Done) -> None:
        """The tokens that each neuron of a stack reads: those with embeddings nearest to w_gate and w_in, and to their
        negatives."""
        table = Table.of(embeddings, usable, cosine=True)
        for vectors in self._sites:
            if vectors.site.address.stack != stack:
                continue
            self._fill(vectors, "gate", table, 2, _of_length_one, done)
            self._fill(vectors, "in", table, 4, _of_length_one, done)

    def _fill(
        self, vectors: SiteVectors, which: str, table: Table, place: int, query: Callable[[Tensor], Tensor], done: Done
    ) -> None:
        name = vectors.site.address.name
        for part, block in vectors.parts(which, table.block):
            queries = query(block).to(table.rows.device)
            for end, best in enumerate(table.best(queries, self.ends)):
                self.tokens[name][place + end, part] = best.rows.cpu().numpy()
                self.scores[name][place + end, part] = best.scores.cpu().numpy()
            self._forget_zeros(name, place, part, queries)
            done(len(block))

    def _forget_zeros(self, name: str, place: int, part: slice, queries: Tensor) -> None:
        """A vector of zeros has no nearest tokens."""
        zero = ~queries.any(dim=1).cpu().numpy()
        for end in (0, 1):
            self.tokens[name][place + end, part][zero] = -1
            self.scores[name][place + end, part][zero] = np.nan


def _of_length_one(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=1)
