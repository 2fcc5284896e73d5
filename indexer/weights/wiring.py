"""The neurons of lower layers that feed each neuron, and those of higher layers that it feeds.

1. A table holds w_out of neurons of a stack, by layer, each of length 1; as many as fit.
2. The w_gate, then the w_in, of every neuron of a higher layer is compared with the rows of lower layers: one product.
3. Along a query lie the neurons that feed it: the largest are chosen at once, as the nearest neurons are.
4. Along a row lie the neurons that it feeds: candidates are gathered from query to query.
5. Once all queries have passed, the candidates' products are computed in float32. Where they don't decide, the row is
   compared in float32 with all queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..database.bulk.arrays import Bool, Float32, Int64
from .gathered import Gathered
from .nearest import Best, Table, wanted_candidates
from .neighbours import add_flips, merge, tables
from .readers import Reader, decided
from .vectors import SiteVectors

WIRES = 8
"""In each list."""

READ = ("gate", "in")
"""The vectors along which a neuron is fed."""


class Wires(NamedTuple):
    """Lists of neurons, the largest |cosine| first."""

    neurons: Int64  # [list] neuron rank: 2 * number in the model + flip bit; -1: none
    cosines: Float32  # [list] neuron rank

    @classmethod
    def none(cls, neurons: int) -> Wires:
        """An empty list for each neuron."""
        return cls(np.full((neurons, WIRES), -1, np.int64), np.full((neurons, WIRES), np.nan, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Sites whose neurons may feed each other, since they share a residual stream: in the order of the model."""

    sites: Sequence[SiteVectors]
    names: frozenset[str]  # of the sites whose neurons' lists are wanted

    def work(self) -> Iterator[tuple[Sequence[SiteVectors], Sequence[SiteVectors], bool]]:
        """The writers and readers to compare, and whether the writers' lists are wanted: wanted writers with all
        readers, other writers with wanted readers only."""
        own = [one for one in self.sites if one.site.address.name in self.names]
        yield own, self.sites, True
        yield [one for one in self.sites if one not in own], own, False

    @property
    def pairs(self) -> int:
        """How many pairs of neurons are compared, once for each vector of READ."""
        return sum(
            writer.site.width * reader.site.width
            for writers, readers, _ in self.work()
            for writer in writers
            for reader in readers
            if writer.site.address.layer < reader.site.address.layer
        )


def stacks(every: Sequence[SiteVectors], wanted: Iterable[str]) -> list[Stack]:
    """The stacks of a model, given its sites in order, and the names of those whose neurons' lists are wanted."""
    names = frozenset(wanted)

    def stream(one: SiteVectors) -> tuple[str, int]:
        return one.site.address.stack, one.d_model

    return [Stack(list(sites), names) for _, sites in groupby(sorted(every, key=stream), key=stream)]


def wires(
    stack: Stack, first_neuron: Mapping[str, int], flipped: Mapping[str, Bool], done: Callable[[int], None]
) -> dict[str, Wires]:
    """The wiring of the wanted sites of a stack: fed along gate, along in; feeds gates, feeds ins.

    `first_neuron`: the number in the model of each site's index 0; `flipped`: the flip bits of its neurons. `done` is
    told of further pairs that were compared.
    """
    own, *_ = next(stack.work())
    fed = [{one.site.address.name: Wires.none(one.site.width) for one in own} for _ in READ]
    feeds = [Wires.none(sum(one.site.width for one in own)) for _ in READ]  # of all of them, one after the other
    for writers, sites, gather in stack.work():
        readers = _readers(stack, sites, first_neuron)
        row = 0
        for numbers, table in tables(writers, first_neuron, "out"):
            above = [(reader, count) for reader in readers if (count := reader.lower(numbers))]
            for which, fed_so, feeds_so in zip(READ, fed, feeds, strict=True):
                gathered = Gathered(len(numbers), wanted_candidates(WIRES), numbers.device) if gather else None
                for reader, count in above:
                    for pairs in _compare(numbers, table.head(count), reader, which, fed_so.get(reader.name), gathered):
                        done(pairs)
                if gathered is not None:
                    best = decided(gathered, table, above, which, WIRES)
                    feeds_so.neurons[row : row + len(numbers)] = best.rows.cpu().numpy()
                    feeds_so.cosines[row : row + len(numbers)] = best.scores.clamp(-1, 1).cpu().numpy()
            row += len(numbers)
    add_flips([lists.neurons for lists in (*feeds, *(one for so in fed for one in so.values()))], first_neuron, flipped)
    return dict(_by_site(own, fed, feeds))


def _readers(stack: Stack, sites: Sequence[SiteVectors], first_neuron: Mapping[str, int]) -> list[Reader]:
    floors: dict[int, int] = {}
    for one in stack.sites:
        floors.setdefault(one.site.address.layer, first_neuron[one.site.address.name])
    return [Reader(one, first_neuron[one.site.address.name], floors[one.site.address.layer]) for one in sites]


def _compare(
    numbers: Tensor, table: Table, reader: Reader, which: str, fed: Wires | None, gathered: Gathered | None
) -> Iterator[int]:
    """Compare a site's neurons with the rows of a table, all of lower layers, in both directions; yields how many pairs
    were compared."""
    count = len(table.rows)
    for part, queries in reader.queries(which, table.share(reader.vectors.site.width), numbers.device):
        magnitudes = table.magnitudes(queries)  # query row
        if fed is not None:
            best = table.largest(queries, magnitudes, min(WIRES, count))
            best = Best(torch.where(best.rows < 0, -1, numbers[best.rows]), best.scores)
            merge(best, queries, fed.neurons[part], fed.cosines[part])
        if gathered is not None:
            magnitudes[~queries.any(dim=1)] = float("-inf")
            gathered.take(magnitudes[:, :count], reader.numbers(part, numbers.device))
        yield len(queries) * count


def _by_site(
    sites: Sequence[SiteVectors], fed: Sequence[Mapping[str, Wires]], feeds: Sequence[Wires]
) -> Iterator[tuple[str, Wires]]:
    start = 0
    for one in sites:
        name, part = one.site.address.name, slice(start, start + one.site.width)
        neurons = [*(so[name].neurons for so in fed), *(so.neurons[part] for so in feeds)]
        cosines = [*(so[name].cosines for so in fed), *(so.cosines[part] for so in feeds)]
        yield name, Wires(np.stack(neurons), np.stack(cosines))
        start += one.site.width
