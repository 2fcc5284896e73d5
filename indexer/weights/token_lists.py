"""The tokens that a neuron writes, and those that it reads: the ends of its products with a matrix of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..database.bulk.arrays import VOCABULARY, Float32, Int32
from .nearest import Table
from .norms import Norm
from .null_space import NullSpace
from .score_spread import ScoreSpread
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
        self.vocabulary: dict[str, Float32] = {}  # number (VOCABULARY) neuron
        for vectors in sites:
            name, width = vectors.site.address.name, vectors.site.width
            self.tokens[name] = np.full((shape[0], width, shape[1]), -1, np.int32)
            self.scores[name] = np.full((shape[0], width, shape[1]), np.nan, np.float32)
            self.vocabulary[name] = np.full((len(VOCABULARY), width), np.nan, np.float32)
        self._sites = sites

    def write(self, unembedding: Tensor, usable: Tensor, final: Norm, null_space: NullSpace, done: Done) -> None:
        """The tokens each neuron writes: those whose logits w_out raises and lowers most, through the final norm. Also
        the spread of its scores over all tokens, and its share of the null space."""
        table = Table.of(unembedding, usable, cosine=False)
        spread = ScoreSpread(table)
        for vectors in self._sites:
            if vectors.site.address.stack == "enc":  # an encoder's stream isn't read by the head
                continue
            name = vectors.site.address.name
            for part, block in vectors.parts("out", table.block):
                queries = final.written(block * vectors.around.reach.scale).to(table.rows.device)
                products = table.products(queries)
                self.vocabulary[name][:4, part] = spread.of(products, queries).cpu().numpy()
                self.vocabulary[name][4, part] = null_space.share(final.centre(block)).cpu().numpy()
                self._take(name, part, queries, table, 0, products)
                done(len(block))

    def read(self, embeddings: Tensor, usable: Tensor, stack: str, done: Done) -> None:
        """The tokens that each neuron of a stack reads: those with embeddings nearest to w_gate and w_in, and to their
        negatives."""
        table = Table.of(embeddings, usable, cosine=True)
        for vectors in self._sites:
            if vectors.site.address.stack != stack:
                continue
            self._fill(vectors, "gate", table, 2, done)
            self._fill(vectors, "in", table, 4, done)

    def _fill(self, vectors: SiteVectors, which: str, table: Table, place: int, done: Done) -> None:
        for part, block in vectors.parts(which, table.block):
            queries = torch.nn.functional.normalize(block, dim=1).to(table.rows.device)
            self._take(vectors.site.address.name, part, queries, table, place, table.products(queries))
            done(len(block))

    def _take(self, name: str, part: slice, queries: Tensor, table: Table, place: int, products: Tensor) -> None:
        """Fill two lists, from `place` on, of some neurons of a site."""
        for end, best in enumerate(table.best(queries, self.ends, products)):
            self.tokens[name][place + end, part] = best.rows.cpu().numpy()
            self.scores[name][place + end, part] = best.scores.cpu().numpy()
        self._forget_zeros(name, place, part, queries)

    def _forget_zeros(self, name: str, place: int, part: slice, queries: Tensor) -> None:
        """A vector of zeros has no nearest tokens."""
        zero = ~queries.any(dim=1).cpu().numpy()
        for end in (0, 1):
            self.tokens[name][place + end, part][zero] = -1
            self.scores[name][place + end, part][zero] = np.nan
