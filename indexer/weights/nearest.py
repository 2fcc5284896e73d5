"""The rows of a table whose dot product with each query is the largest or the smallest: fast, and as exact as float32.

Candidates come from products in bfloat16, at least twice as many as are wanted; their products are computed again in
float32. If the last candidate is not clearly worse than the last one chosen, judged by the errors seen, the query is
compared with the whole table in float32.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_GROUP = 16  # columns of which only the largest is considered first
_SPARE = 8  # candidates besides the wanted ones, and half as many as those again
_CAUTION = 3.0  # times the largest error seen among a query's candidates
_BLOCK = 1 << 26  # scores at once
_GATHERED = 1 << 25  # numbers gathered at once


class Best(NamedTuple):
    """The best rows for each query, in order, and of equal ones the first. If there are too few: row -1, score NaN."""

    rows: Tensor  # query k, int64
    scores: Tensor  # query k, float32


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows to compare with."""

    rows: Tensor  # row d_model, any floating dtype
    scale: Tensor | None  # row, float32: what its products are multiplied with; None: ones
    fast: Tensor  # row d_model: the scaled rows in bfloat16, zeros after the last one up to a whole number of groups
    left_out: Tensor  # numbers of rows of `fast` that are never an answer

    @classmethod
    def of(cls, rows: Tensor, usable: Tensor, *, cosine: bool) -> Table:
        """A table of rows (# row d_model), of which the `usable` ones (# row, bool) can be answers.

        `cosine`: the rows count as if they had length 1, and rows of length 0 can't be answers.
        """
        count, d_model = rows.shape
        scale = None
        usable = usable.to(rows.device)
        if cosine:
            length = torch.cat([part.float().norm(dim=1) for part in torch.split(rows, 8192)])  # row
            scale = torch.where(length > 0, 1 / length, 0.0)
            usable = usable & (length > 0)
        padded = -(-count // _GROUP) * _GROUP
        fast = rows
        if scale is not None or padded != count or rows.dtype != torch.bfloat16 or not rows.is_contiguous():
            fast = torch.zeros(padded, d_model, dtype=torch.bfloat16, device=rows.device)
            for start in range(0, count, 8192):
                part = rows[start : start + 8192].float()
                end = start + len(part)
                fast[start:end] = part if scale is None else part * scale[start:end, None]
        out = torch.cat([(~usable).nonzero()[:, 0], torch.arange(count, padded, device=rows.device)])
        return cls(rows, scale, fast, out)

    @property
    def block(self) -> int:
        """How many queries to compare at once."""
        return max(16, min(1024, _BLOCK // self.fast.shape[0]))

    def products(self, queries: Tensor) -> Tensor:
        """The products of each query (# query d_model) with every row, in bfloat16: query row."""
        return queries.to(torch.bfloat16) @ self.fast.T

    def share(self, queries: int) -> int:
        """How many of some queries to compare at once, in equal parts: few large steps take less time than many."""
        most = max(16, min(4096, _BLOCK // self.fast.shape[0]))
        return -(-queries // -(-queries // most))

    def best(self, queries: Tensor, k: int, scores: Tensor | None = None) -> tuple[Best, Best]:
        """The k rows with the largest and those with the smallest products with each query (# query d_model).

        `scores`: the result of `products`, if it is there already; the columns of rows left out are overwritten.
        """
        scores = self.products(queries) if scores is None else scores
        ends = []
        for largest in (True, False):
            scores[:, self.left_out] = float("-inf") if largest else float("inf")
            ends.append(self._chosen(queries, _candidates(scores, k, largest), k, largest))
        return ends[0], ends[1]

    def best_magnitude(self, queries: Tensor, k: int, own: Tensor | None) -> Best:
        """The k rows whose products are largest in magnitude; `own` (# query): a row that is excluded, -1: none."""
        scores = self.magnitudes(queries)
        if own is not None:
            here = (own >= 0).nonzero()[:, 0]
            scores[here, own[here]] = float("-inf")
        return self.largest(queries, scores, k, own)

    def magnitudes(self, queries: Tensor) -> Tensor:
        """The magnitudes of all products in bfloat16 (# query row of `fast`); -inf where a row is never an answer."""
        scores = (queries.to(torch.bfloat16) @ self.fast.T).abs_()
        scores[:, self.left_out] = float("-inf")
        return scores

    def largest(self, queries: Tensor, magnitudes: Tensor, k: int, own: Tensor | None = None) -> Best:
        """The k rows whose products are largest in magnitude, given these as `magnitudes` makes them."""
        candidates = _candidates(magnitudes, k, largest=True)
        return self._chosen(queries, candidates, k, largest=True, magnitude=True, own=own)

    def head(self, count: int) -> Table:
        """The table of the first rows only, which shares the memory of this one."""
        padded = -(-count // _GROUP) * _GROUP
        behind = torch.arange(count, padded, device=self.left_out.device)
        left_out = torch.cat([self.left_out[self.left_out < count], behind])
        scale = None if self.scale is None else self.scale[:count]
        return Table(self.rows[:count], scale, self.fast[:padded], left_out)

    def _chosen(
        self,
        queries: Tensor,
        candidates: Best,
        k: int,
        largest: bool,
        *,
        magnitude: bool = False,
        own: Tensor | None = None,
    ) -> Best:
        exact = self._products(queries, candidates.rows)  # query candidate
        order = exact.abs() if magnitude else exact if largest else -exact
        real = candidates.scores.isfinite()
        order = order.masked_fill(~real, float("-inf"))
        found = first(candidates.rows, exact, order, k)
        if candidates.rows.shape[1] < self.fast.shape[0]:
            approximate = candidates.scores if largest else -candidates.scores
            doubtful = undecided(approximate, order, real, k).nonzero()[:, 0]
            for part in torch.split(doubtful, max(1, self.block // 4)) if len(doubtful) else ():
                whole = self._whole(queries[part], k, largest, magnitude, None if own is None else own[part])
                found.rows[part], found.scores[part] = whole.rows, whole.scores
        return found

    def _whole(self, queries: Tensor, k: int, largest: bool, magnitude: bool, own: Tensor | None) -> Best:
        """The same by comparing with every row in float32."""
        exact = torch.cat([queries @ part.float().T for part in torch.split(self.rows, 8192)], dim=1)  # query row
        if self.scale is not None:
            exact *= self.scale
        order = exact.abs() if magnitude else exact if largest else -exact
        order[:, self.left_out[self.left_out < exact.shape[1]]] = float("-inf")
        if own is not None:
            here = (own >= 0).nonzero()[:, 0]
            order[here, own[here]] = float("-inf")
        rows = best_columns(order, min(k, order.shape[1]))
        return first(rows, exact.gather(1, rows), order.gather(1, rows), k)

    def _products(self, queries: Tensor, rows: Tensor) -> Tensor:
        """The products of each query with some rows (# query candidate), in float32."""
        rows = rows.clamp_max(self.rows.shape[0] - 1)  # padding is never an answer
        many = self.rows.shape[0] > 8 * rows.shape[1]  # padding is clamped, so it may be there twice
        if many and self.rows.dtype == torch.float32 and queries.device.type == "cpu":
            starts = torch.arange(0, rows.numel() + 1, rows.shape[1])
            products = sampled(queries, self.rows, starts, rows.reshape(-1)).view_as(rows)
        else:
            step = max(1, _GATHERED // (rows.shape[1] * queries.shape[1]))
            products = torch.cat(
                [
                    torch.bmm(self.rows[some].float(), part[:, :, None])[..., 0]
                    for some, part in zip(torch.split(rows, step), torch.split(queries, step), strict=True)
                ]
            )
        return products if self.scale is None else products * self.scale[rows]


def sampled(queries: Tensor, table: Tensor, starts: Tensor, rows: Tensor) -> Tensor:
    """Products of queries with some rows of a table, all float32 on the CPU, without gathering them.

    Query q is multiplied with the `rows` from starts[q] to starts[q + 1]; the products are along `rows`.
    """
    with warnings.catch_warnings():  # that this kind of tensor is new
        warnings.simplefilter("ignore")
        wanted = torch.sparse_csr_tensor(
            starts,
            rows,
            torch.zeros(len(rows)),
            size=(len(queries), table.shape[0]),
            check_invariants=False,
        )
        found: Tensor = torch.sparse.sampled_addmm(wanted, queries, table.T, beta=0.0).values()
    return found


def _candidates(scores: Tensor, k: int, largest: bool) -> Best:
    """Columns that hold at least the k + spare best scores, except for rounding: query candidate, unordered."""
    queries, columns = scores.shape
    groups = columns // _GROUP
    wanted = wanted_candidates(k)
    if columns <= wanted:
        rows = torch.arange(columns, device=scores.device).expand(queries, columns)
        return Best(rows, scores.float())
    by_group = scores.view(queries, _GROUP, groups)  # query member group: column = member * groups + group
    if wanted < groups:
        best = by_group.amax(1) if largest else by_group.amin(1)
        chosen = best.topk(wanted, dim=1, largest=largest, sorted=False).indices  # query wanted
        members = torch.arange(_GROUP, device=scores.device) * groups
        rows = (chosen[:, :, None] + members).view(queries, -1)
        near = scores.gather(1, rows)
    else:
        rows, near = torch.arange(columns, device=scores.device).expand(queries, columns), scores
    values, places = near.topk(wanted, dim=1, largest=largest, sorted=False)
    return Best(rows.gather(1, places), values.float())


def wanted_candidates(k: int) -> int:
    """How many candidates decide almost always on the k best."""
    return k + k // 2 + _SPARE


def undecided(approximate: Tensor, exact: Tensor, real: Tensor, k: int) -> Tensor:
    """Whether one that is not among the candidates may be better than the k-th of them, by the errors seen: query.

    All # query candidate, the larger the better; `exact` is -inf where a candidate is not `real`.
    """
    error = (approximate - exact).masked_fill(~real, 0.0).abs().amax(1)  # query
    kept = exact.topk(k, dim=1).values[:, -1]
    return approximate.amin(1) + _CAUTION * error >= kept


def best_columns(order: Tensor, k: int) -> Tensor:
    """The columns of the k largest of each row, ascending; of equal ones, the first columns: query k."""
    least = order.topk(k, dim=1).values[:, -1:]
    above, equal = order > least, order == least
    taken = above | (equal & (equal.cumsum(1, dtype=torch.int32) <= k - above.sum(1, keepdim=True)))
    return taken.nonzero()[:, 1].view(-1, k)


def first(rows: Tensor, exact: Tensor, order: Tensor, k: int) -> Best:
    """The k candidates of the largest order, equal ones by row; order -inf means no candidate."""
    by_row = rows.argsort(dim=1)
    rows, exact, order = (tensor.gather(1, by_row) for tensor in (rows, exact, order))
    best = order.argsort(dim=1, descending=True, stable=True)[:, :k]
    none = order.gather(1, best) == float("-inf")
    return Best(rows.gather(1, best).masked_fill(none, -1), exact.gather(1, best).masked_fill(none, float("nan")))
