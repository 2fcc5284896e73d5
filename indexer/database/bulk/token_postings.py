"""Writes the table for searches by weights: for each token, the neurons whose lists of tokens hold it.

Sites are added one at a time, as in `postings`. The strength of a posting is comparable between neurons: the z-score
of a written token among all tokens' scores of the neuron, the cosine of a token that is read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

import numpy as np

from ..format.token_lists import READ, STRONGEST_HALF, TOGETHER, kind_of, postings_id
from ..read.weight_lists import TOKEN_LISTS
from .arrays import VOCABULARY, Float32, WeightArrays
from .spool import Integers, Records, Spool, blocks, changes, groups, order_by, packed
from .weight_packing import kept_scores

_POSTING = np.dtype(
    [
        ("group", "<u4"),  # 2 * (token // TOGETHER) + kind
        ("token", "u1"),  # its place in the group
        ("neuron", "<u4"),
        ("strength", "<u2"),  # the bits of a float16, which order positive numbers; packed: the difference
        ("list", "u1"),  # its place among the six
    ]
)


class TokenPostings:
    """The postings of the token lists of an index. Close it."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        """`sqlite`: the file of the index, in whose folder an unnamed file may grow, to about 1 kB a neuron."""
        path = sqlite.execute("PRAGMA database_list").fetchone()[2]
        self._sqlite = sqlite
        self._spool = Spool(os.path.dirname(path) or ".", _POSTING)

    def close(self) -> None:
        self._spool.close()

    def add_site(self, site: WeightArrays, first: int) -> None:
        """The token lists of a site whose neurons have the row numbers from `first`."""
        strengths = _strengths(site)
        found = []
        for place in range(TOKEN_LISTS):
            neuron, rank = np.nonzero((site.tokens[place] >= 0) & np.isfinite(strengths[place]))
            own = np.zeros(len(neuron), _POSTING)
            token = site.tokens[place, neuron, rank].astype(np.int64)
            own["group"], own["token"] = 2 * (token // TOGETHER) + kind_of(place), token % TOGETHER
            own["neuron"], own["list"] = first + neuron, place
            own["strength"] = strengths[place, neuron, rank].astype(np.float16).view(np.uint16)
            found.append(own)
        self._spool.add(_strongest_first(np.concatenate(found)))

    def write(self) -> None:
        """Fill the table `token_neurons`. Part of the caller's transaction."""
        for chunk in self._spool.chunks("group"):
            self._sqlite.executemany("INSERT INTO token_neurons VALUES (?, ?)", _rows(_strongest_first(chunk)))


def _strengths(site: WeightArrays) -> Float32:
    """How strongly each list names its tokens, from 0: list neuron rank. NaN where that is not known."""
    scores = kept_scores(site)
    found = np.abs(scores)
    written = [place for place in range(TOKEN_LISTS) if kind_of(place) != READ]
    if site.vocabulary is None:
        found[written] = np.nan
        return found
    mean, deviation = (site.vocabulary[VOCABULARY.index(name)][:, None] for name in ("vocab_mean", "vocab_std"))
    with np.errstate(invalid="ignore", divide="ignore"):
        for place in written:
            along = 1 if place % 2 == 0 else -1
            found[place] = np.maximum(along * (scores[place] - mean) / deviation, 0.0)
    kept: Float32 = np.minimum(found, np.float32(np.finfo(np.float16).max))
    return kept


def _strongest_first(records: Records) -> Records:
    """Records sorted by group, token, strength, neuron and list."""
    weakness: Integers = STRONGEST_HALF - records["strength"].astype(np.int64)
    found: Records = records[order_by(records["group"], records["token"], weakness, records["neuron"], records["list"])]
    return found


def _rows(sorted_: Records) -> Iterator[tuple[int, bytes]]:
    for group in groups(sorted_, "group"):
        of_token, kind = divmod(int(group["group"][0]), 2)
        for block, part in blocks(group):
            begins = changes(part["token"])  # each token's strengths are told from the start, in each block
            strength = part["strength"].astype(np.int64)
            before = np.where(begins, STRONGEST_HALF, np.roll(strength, 1))
            differences = part.copy()
            differences["strength"] = before - strength
            packed_ = packed(differences, ("token", "strength", "list", "neuron"))
            yield postings_id(of_token * TOGETHER, kind, block), packed_
