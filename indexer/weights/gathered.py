"""The queries whose products with each row of a table are largest in magnitude, gathered block by block.

A block of products in bfloat16 is compared with the least of what each row keeps, in groups of queries; few products
are looked at one by one. What a row keeps are candidates: more than are wanted, by their products in bfloat16.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GROUP = 16  # queries of which only the largest product is considered first
_AT_ONCE = 1 << 23  # products looked at one by one


class Gathered:
    """For each row, the queries with the largest products among those seen so far: candidates, best first."""

    def __init__(self, rows: int, candidates: int, device: torch.device) -> None:
        self.magnitudes = torch.full((rows, candidates), float("-inf"), device=device)  # row candidate; -inf: none
        self.numbers = torch.full((rows, candidates), -1, dtype=torch.int64, device=device)  # row candidate
        self._known = 0

    def take(self, magnitudes: Tensor, numbers: Tensor) -> None:
        """Products (# query row, bfloat16; -inf: none) of some queries with the first rows; the queries' numbers.

        Rows may be more from block to block, never fewer.
        """
        known, rows = self._known, magnitudes.shape[1]
        if rows > known:
            self._compare_all(magnitudes, numbers, known, rows)
            self._known = rows
        if known:
            self._compare_largest(magnitudes[:, :known], numbers)

    def _compare_all(self, magnitudes: Tensor, numbers: Tensor, start: int, stop: int) -> None:
        """Compare each of the products with rows `start` to `stop`."""
        step = max(1, _AT_ONCE // len(numbers))
        for first in range(start, stop, step):
            part = slice(first, min(first + step, stop))
            self._keep(part, magnitudes[:, part].T.float(), numbers)

    def _compare_largest(self, magnitudes: Tensor, numbers: Tensor) -> None:
        """Compare the products that are larger than the least of what their row keeps."""
        queries, rows = magnitudes.shape
        least = self.magnitudes[:rows, -1]  # row
        whole = queries // _GROUP * _GROUP
        groups = [magnitudes[:whole].view(-1, _GROUP, rows).amax(1)] if whole else []
        if whole < queries:
            groups.append(magnitudes[whole:].amax(0, keepdim=True))
        row, group = (torch.cat(groups) > least).T.nonzero(as_tuple=True)  # by row
        if len(row) * _GROUP > _AT_ONCE:
            self._compare_all(magnitudes, numbers, 0, rows)
            return
        member = group[:, None] * _GROUP + torch.arange(_GROUP, device=row.device)  # hit member
        near = magnitudes[member.clamp_max(queries - 1), row[:, None]].float()
        larger = (near > least[row][:, None]) & (member < queries)
        row, near, number = row[:, None].expand_as(member)[larger], near[larger], numbers[member[larger]]
        if not len(row):
            return
        begins = torch.cat([row.new_ones(1, dtype=torch.bool), row[1:] != row[:-1]])
        place, rows_hit = begins.cumsum(0) - 1, row[begins]
        counts = place.bincount()
        most = int(counts.max())
        if len(counts) * most > _AT_ONCE:
            self._compare_all(magnitudes, numbers, 0, rows)
            return
        rank = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[place]
        values = torch.full((len(counts), most), float("-inf"), device=row.device)  # row hit
        names = torch.full((len(counts), most), -1, dtype=torch.int64, device=row.device)
        values[place, rank], names[place, rank] = near, number
        self._keep(rows_hit, values, names)

    def _keep(self, rows: slice | Tensor, magnitudes: Tensor, numbers: Tensor) -> None:
        """Keep the best of what some rows have and of further products (# row query) of queries with these numbers
        (# query, or # row query)."""
        had, names = self.magnitudes[rows], self.numbers[rows]
        both = torch.cat([had, magnitudes], dim=1)
        best, places = both.topk(had.shape[1], dim=1)
        new = (places - had.shape[1]).clamp_min(0)
        given = numbers[new] if numbers.dim() == 1 else numbers.gather(1, new)
        kept = torch.where(places < had.shape[1], names.gather(1, places.clamp_max(had.shape[1] - 1)), given)
        self.magnitudes[rows] = best
        self.numbers[rows] = kept.masked_fill(best == float("-inf"), -1)
