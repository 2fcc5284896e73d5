"""The neurons that read what lower layers write, and the exact choice of those that read a neuron most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .gathered import Gathered
from .nearest import Best, Table, best_columns, first, sampled, undecided
from .vectors import SiteVectors

_ROWS = 4096  # neurons of a site at once
_AT_ONCE = 1 << 25  # numbers


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A site whose neurons are compared with those of lower layers."""

    vectors: SiteVectors
    start: int  # number in the model of its index 0
    floor: int  # number of the first neuron of its layer

    @property
    def name(self) -> str:
        return self.vectors.site.address.name

    def lower(self, numbers: Tensor) -> int:
        """How many of some neurons, given by ascending number, are in lower layers."""
        return int(torch.searchsorted(numbers, self.floor))

    def numbers(self, part: slice, device: torch.device) -> Tensor:
        """The numbers of some of its neurons: neuron."""
        return torch.arange(self.start + part.start, self.start + part.stop, device=device)

    def queries(self, which: str, rows: int, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
        """The vectors `gate` or `in` of all its neurons with length 1, some at a time: neuron d_model."""
        for part, block in self.vectors.parts(which, rows):
            yield part, normalize(block, dim=1).to(device)


def decided(gathered: Gathered, table: Table, readers: Sequence[tuple[Reader, int]], which: str, k: int) -> Best:
    """The k neurons with the largest |product| with each row of a table, of the candidates gathered for it.

    `readers`: those compared, each with the number of rows, the first ones, that it was compared with.
    """
    exact = _products(gathered, table, readers, which)
    real = gathered.numbers >= 0
    order = exact.abs().masked_fill(~real, float("-inf"))
    found = first(gathered.numbers, exact, order, k)
    doubtful = (undecided(gathered.magnitudes, order, real, k) & real.all(dim=1)).nonzero()[:, 0]
    for rows in torch.split(doubtful, _ROWS) if len(doubtful) else ():
        whole = _whole(table, rows, readers, which, k)
        found.rows[rows], found.scores[rows] = whole.rows, whole.scores
    return found


def _products(gathered: Gathered, table: Table, readers: Sequence[tuple[Reader, int]], which: str) -> Tensor:
    """The products of rows and their candidates in float32: row candidate."""
    numbers, places = gathered.numbers.flatten().sort()
    found = torch.zeros(len(numbers), device=numbers.device)
    per_row = gathered.numbers.shape[1]
    begins = [reader.start + row for reader, _ in readers for row in range(0, reader.vectors.site.width, _ROWS)]
    bounds = torch.searchsorted(numbers, torch.tensor(begins, device=numbers.device)).tolist()
    ends = [*bounds[1:], len(numbers)]
    spans = zip(begins, bounds, ends, strict=True)
    for reader, _ in readers:
        for _, queries in reader.queries(which, _ROWS, numbers.device):
            begin, start, stop = next(spans)
            own, rows = numbers[start:stop] - begin, places[start:stop] // per_row  # candidate
            if queries.device.type == "cpu":
                starts = torch.searchsorted(own, torch.arange(len(queries) + 1))
                products = sampled(queries, table.rows, starts, rows)
            else:
                products = of_pairs(queries, own, table.rows, rows)
            found[places[start:stop]] = products
    return found.view_as(gathered.magnitudes)


def of_pairs(queries: Tensor, own: Tensor, table: Tensor, rows: Tensor) -> Tensor:
    """The products of queries, by their number, with rows of a table, after they were gathered: pair."""
    step = max(1, _AT_ONCE // queries.shape[1])
    pieces = zip(torch.split(own, step), torch.split(rows, step), strict=True)
    return torch.cat([(queries[some] * table[those]).sum(dim=1) for some, those in pieces])


def _whole(table: Table, rows: Tensor, readers: Sequence[tuple[Reader, int]], which: str, k: int) -> Best:
    """The same for some rows by comparing them with every neuron in float32."""
    kept = Best(
        torch.full((len(rows), k), -1, device=rows.device), torch.full((len(rows), k), float("nan"), device=rows.device)
    )
    for reader, count in readers:
        for part, queries in reader.queries(which, max(k, _AT_ONCE // len(rows)), rows.device):
            exact = table.rows[rows] @ queries.T  # row query
            order = exact.abs().masked_fill(~queries.any(dim=1), float("-inf"))
            order[rows >= count] = float("-inf")
            columns = best_columns(order, min(k, len(queries)))
            numbers = torch.cat([kept.rows, reader.numbers(part, rows.device)[columns]], dim=1)
            values = torch.cat([kept.scores, exact.gather(1, columns)], dim=1)
            before = kept.scores.abs().nan_to_num(nan=float("-inf"))
            kept = first(numbers, values, torch.cat([before, order.gather(1, columns)], dim=1), k)
    return kept
