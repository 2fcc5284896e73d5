"""The neurons nearest to each neuron, across all layers, by the cosine of w_out and of w_in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..database.bulk.arrays import Bool, Float32, Int64
from ..sites.weights import gate_in_dot
from .nearest import Best, Table
from .vectors import SiteVectors

NEIGHBOURS = 8
"""In each list."""

MOST_COMPARED = 1 << 21
"""In models of up to this many neurons, each neuron is compared with all others."""

_TABLE = 1 << 27  # numbers in a table: 0.5 GiB, and half as much beside it


class Nearest(NamedTuple):
    """The nearest neurons of each neuron of a site, the nearest first."""

    neurons: Int64  # list (w_out, w_in) neuron rank: 2 * number in the model + flip bit; -1: none
    cosines: Float32  # list neuron rank


def nearest_neurons(
    wanted: Sequence[SiteVectors],
    every: Sequence[SiteVectors],
    first_neuron: Mapping[str, int],
    flipped: Mapping[str, Bool],
    done: Callable[[int], None],
) -> dict[str, Nearest]:
    """The neurons of `every` site nearest to each of the `wanted` ones, by |cosine|; never itself.

    `first_neuron`: the number in the model of each site's index 0; `flipped`: the flip bits of its neurons.
    """
    total = sum(vectors.site.width for vectors in every)
    k = min(NEIGHBOURS, max(total - 1, 0))
    found: dict[str, Nearest] = {}
    for vectors in wanted:
        shape = (2, vectors.site.width, k)
        none = Nearest(np.full(shape, -1, np.int64), np.full(shape, np.nan, np.float32))
        found[vectors.site.address.name] = none
    if not k:
        return found
    for place, which in enumerate(("out", "in")):
        for numbers, table in tables(every, first_neuron, which):
            for vectors in wanted:
                _look(vectors, which, numbers, table, first_neuron, found[vectors.site.address.name], place, done)
    add_flips((nearest.neurons for nearest in found.values()), first_neuron, flipped)
    return found


def flips(every: Iterable[SiteVectors]) -> dict[str, Bool]:
    """The flip bits of each site's neurons, by the site's name."""
    found = {}
    for one in every:
        dots = gate_in_dot(one.site)
        assert dots is not None  # its weights can be read
        found[one.site.address.name] = dots < 0
    return found


def add_flips(lists: Iterable[Int64], first_neuron: Mapping[str, int], flipped: Mapping[str, Bool]) -> None:
    """Turn numbers of neurons into 2 * number + flip bit, in place; -1 stays."""
    bits = np.zeros(max(first_neuron[name] + len(flags) for name, flags in flipped.items()), np.int64)
    for name, flags in flipped.items():
        bits[first_neuron[name] : first_neuron[name] + len(flags)] = flags
    for numbers in lists:
        real = numbers >= 0
        numbers[real] = 2 * numbers[real] + bits[numbers[real]]


def tables(every: Sequence[SiteVectors], first_neuron: Mapping[str, int], which: str) -> Iterator[tuple[Tensor, Table]]:
    """All neurons' vectors with length 1, as many at once as fit, with their numbers in the model: row."""
    rows: list[Tensor] = []
    numbers: list[Tensor] = []
    for vectors in every:
        start = first_neuron[vectors.site.address.name]
        for part, block in vectors.parts(which):
            if rows and (sum(map(len, rows)) + len(block)) * block.shape[1] > _TABLE:
                yield _table(rows, numbers)
                rows, numbers = [], []
            rows.append(normalize(block, dim=1).to(rows[0].device if rows else block.device))
            numbers.append(torch.arange(start + part.start, start + part.stop))
    if rows:
        yield _table(rows, numbers)


def _table(rows: list[Tensor], numbers: list[Tensor]) -> tuple[Tensor, Table]:
    joined = torch.cat(rows)
    rows.clear()
    return torch.cat(numbers).to(joined.device), Table.of(joined, joined.any(dim=1), cosine=False)


def _look(
    vectors: SiteVectors,
    which: str,
    numbers: Tensor,
    table: Table,
    first_neuron: Mapping[str, int],
    found: Nearest,
    place: int,
    done: Callable[[int], None],
) -> None:
    """Take in the neurons of a table that are nearer to a site's neurons than those found before."""
    k = found.neurons.shape[2]
    start = first_neuron[vectors.site.address.name]
    for part, block in vectors.parts(which, table.block):
        queries = normalize(block, dim=1).to(numbers.device)
        own = torch.arange(start + part.start, start + part.stop, device=numbers.device)
        row = torch.searchsorted(numbers, own).clamp_max(len(numbers) - 1)
        best = table.best_magnitude(queries, min(k, len(numbers)), torch.where(numbers[row] == own, row, -1))
        best = Best(torch.where(best.rows < 0, -1, numbers[best.rows]), best.scores)
        merge(best, queries, found.neurons[place, part], found.cosines[place, part])
        done(len(block))


def merge(best: Best, queries: Tensor, neurons: Int64, cosines: Float32) -> None:
    """Keep the nearest of two lists, equal ones by number, in the arrays given."""
    zero = ~queries.any(dim=1)
    new = best.rows.masked_fill(zero[:, None], -1).cpu().numpy()
    both = np.concatenate([neurons, new], axis=1)
    values = np.concatenate([cosines, best.scores.clamp(-1, 1).cpu().numpy()], axis=1)
    magnitude = np.where(both < 0, -1.0, np.abs(np.nan_to_num(values)))
    order = np.lexsort((both, -magnitude), axis=1)[:, : neurons.shape[1]]
    neurons[...] = np.take_along_axis(both, order, 1)
    cosines[...] = np.take_along_axis(values, order, 1)
    cosines[neurons < 0] = np.nan
