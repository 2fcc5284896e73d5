"""Merges batches by tensor operations, which every device has; compiled if that works."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..settings import ONE_A_SEQUENCE
from .activations import Activations
from .batch import BatchView, NonFiniteError
from .best_k import NO_OFFER, BestK, Offers, beating, drawn_keys
from .by_rank import LastByRank
from .deferred import Steps
from .engine import Filled
from .fuser import Fuser
from .offers import Order, Rows, Survey, by_sequence, drawn_first, ranked_keys, survey
from .placement import Placement
from .reduction import FETCHED, Peaks, first_places, in_quadrant, peak_positions
from .sample import Ints
from .windows import gather_windows

TOGETHER, TOGETHER_ON_GPU = 2**16, 2**18
"""Windows that are gathered at once: larger steps need fewer launches, and more memory."""

_SCATTERED = 16  # times as long takes a value that is fetched alone than one that is read with its neighbours


class Tensors:
    """The engine of tensor operations."""

    def __init__(self, fuse: Fuser) -> None:
        self.fuse = fuse
        self._ranks = LastByRank()

    @property
    def name(self) -> str:
        return "compiled" if self.fuse.compiled else "tensors"

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """As in `Engine`. It never waits for a device: it yields the tensors whose numbers it needs."""
        values = values.readable()
        merging = _Merging(of, values, placement, batch, self.fuse, self._ranks)
        found = merging.survey()
        sampling = of.sampling(placement, batch)
        cells = placement.sites * placement.sequences
        numbers = yield torch.cat([found.tally, sampling.number])
        infinite, offering, ranked, drawn, sampled = np.split(numbers, np.cumsum([cells, cells, 3, 3]))
        if infinite.any():
            site, row = divmod(int(infinite.argmax()), placement.sequences)
            raise NonFiniteError(row, site)
        of.begin(placement.counted)
        of.count.copy_(found.counts)
        of.total.copy_(found.total)
        of.extreme.copy_(found.extreme)
        if ranked.any():
            merging.enter_ranked(found.magnitudes, offering, ranked)
        if drawn.any():
            merging.enter_drawn(found.magnitudes, drawn)
        of.enter_sample(merging.rows, placement, batch, sampling, sampled)
        of.end()


class _Merging:
    """One batch on its way into a stack."""

    def __init__(
        self,
        of: Filled,
        values: Activations,
        placement: Placement,
        batch: BatchView,
        fuse: Fuser,
        ranks: LastByRank,
    ) -> None:
        self._of = of
        self._values = values
        self._placement = placement
        self._batch = batch
        self._fuse = fuse
        self._ranks = ranks
        self.rows = values.rows()
        self._parts = list(placement.parts())
        self._list_rows = Rows.of(of)
        self._order = Order.of(batch)

    def survey(self) -> Survey:
        return survey(self._of, self._values, self._placement, self._parts, self._batch, self._fuse)

    def enter_ranked(self, magnitudes: Tensor, offering: Ints, extent: Ints) -> None:
        """Enter the offers by magnitude that beat their lists. `offering`: how many each cell has."""
        best = self._of.ranked
        keys = ranked_keys(magnitudes, self._order, self._list_rows)
        row, column = beating(keys, best.threshold, int(extent[0]))
        position = self._positions(magnitudes, row, column, offering)
        self._enter(best, keys[row, column], (row, position, column), extent)

    def enter_drawn(self, magnitudes: Tensor, extent: Ints) -> None:
        """Enter the offers to draws of the sequences whose first offer beats a list."""
        of, batch = self._of, self._batch
        keys, ranks = drawn_first(magnitudes, self._order, self._list_rows)
        row, column = beating(keys, of.drawn.threshold, int(extent[0]))
        if of.settings.draw == ONE_A_SEQUENCE:
            position = batch.by_hash[row, ranks[row, column]]
            self._enter(of.drawn, keys[row, column], (row, position, column), extent)
            return
        found = [
            self._smallest(*pair)
            for pair in zip(*(torch.split(each, self._step) for each in (row, column)), strict=True)
        ]
        rank = torch.cat(found)  # pair offer; -1 for none
        position = batch.by_hash[row[:, None], rank.clamp(min=0)]
        key = torch.where(rank >= 0, drawn_keys(batch.hashes[row[:, None], position]), NO_OFFER)
        each = rank.shape[1]
        where = (row.repeat_interleave(each), position.flatten(), column.repeat_interleave(each))
        self._enter(of.drawn, key.flatten(), where, extent * np.array([each, 1, each]))

    @property
    def _step(self) -> int:
        """Sequences of a neuron that are fetched at once."""
        return max(1, FETCHED // self._placement.length)

    def _smallest(self, row: Tensor, column: Tensor) -> Tensor:
        """The ranks by hash of the first positions in each column's quadrant: pair offer, -1 for none.

        Of duplicates only the first is among them.
        """
        batch, best, length = self._batch, self._of.drawn, self._placement.length
        quadrant = self._list_rows.drawn[column // best.width % len(self._list_rows.drawn)] % 4
        position = batch.by_hash[row]  # pair rank
        rows = self._placement.rows_at(self._cell(best, row, column)[:, None], position)
        place = rows.clamp(min=0), (column % best.width)[:, None]
        inside = in_quadrant(self.rows.gate[place], self.rows.in_[place], quadrant[:, None]) & (rows >= 0)  # pair rank
        if self._of.settings.duplicates == "fold":
            inside = _firsts(inside, self._ranks.of(batch, fold=True).group[row])
        left = torch.where(inside, torch.arange(length, 0, -1, device=row.device), 0)
        left = left.topk(min(best.k, length), dim=1).values
        return torch.where(left > 0, length - left, -1)

    def _cell(self, best: BestK, row: Tensor, column: Tensor) -> Tensor:
        """The cells of offers to lists: `row` gives their sequences, the columns give their sites."""
        a_site = best.width * (len(best.lists) // self._placement.sites)
        return column // a_site * self._placement.sequences + row

    def _positions(self, magnitudes: Tensor, row: Tensor, column: Tensor, offering: Ints) -> Tensor:
        """The first position at which each offer (`row` and `column`) reaches its magnitude."""
        of, placement = self._of, self._placement
        width, length = of.form.width, placement.length
        if len(row) * length * _SCATTERED > placement.size * width:
            return self._all_positions(magnitudes, offering)[row, column]
        kind = self._list_rows.ranked[column // width % len(self._list_rows.ranked)]
        neuron, cell = column % width, self._cell(of.ranked, row, column)
        magnitude = magnitudes.flatten(0, 1)[cell, kind, neuron]
        position = torch.arange(length, device=row.device)
        measures = sorted({which // 4 for which in of.ranked_rows})
        offers = zip(*(torch.split(each, self._step) for each in (cell, neuron, kind, magnitude)), strict=True)
        found = [
            peak_positions(self.rows, Peaks(placement.rows_at(where[:, None], position), *which), measures, of.layout)
            for where, *which in offers
        ]
        return torch.cat(found)

    def _all_positions(self, magnitudes: Tensor, offering: Ints) -> Tensor:
        """The same for every column: sequence column. Only for cells that offer something."""
        of, flat = self._of, magnitudes.flatten(0, 1)  # cell row neuron
        found = torch.zeros((len(flat), len(of.ranked_rows) * of.form.width), dtype=torch.int64, device=flat.device)
        for part in self._parts:
            if (offered := part.only(offering)) is None:
                continue
            cell = slice(None) if offered.gathered is None else offered.gathered.cell
            values = offered.values(self._values)
            place = first_places(values, offered.counted, flat[cell], of.ranked_rows, of.layout, self._fuse)
            found[cell] = offered.positions(place.flatten(1))
        return by_sequence(found.view(*magnitudes.shape[:2], -1))

    def _enter(self, best: BestK, key: Tensor, where: tuple[Tensor, Tensor, Tensor], extent: Ints) -> None:
        """Enter offers and keep the windows of those that stay.

        `where`: row, position and column of each, grouped by column; `extent`: as `best_k.extent` returns it.
        """
        row, position, column = where
        fold = self._batch.folds[row, position] if self._of.settings.duplicates == "fold" else None
        offers = Offers(column, key, fold, self._batch.sequence[row], position)
        slot, offer = best.enter(offers, int(extent[1]), int(extent[2]))
        lanes = tuple(self.rows[lane.place] for lane in self._of.form.lanes)
        before, after = self._of.settings.window
        around = torch.arange(-before, after + 1, device=row.device)
        cell = self._cell(best, row, column)
        step = TOGETHER if row.device.type == "cpu" else TOGETHER_ON_GPU
        for place, block in zip(torch.split(slot, step), torch.split(offer, step), strict=True):
            neuron = column[block] % best.width
            window = self._placement.rows_at(cell[block][:, None], position[block][:, None] + around)  # peak offset
            codes, scale = self._fuse(gather_windows, lanes, window, neuron)
            peak = self._placement.rows_at(cell[block], position[block])
            values = torch.stack([value[peak, neuron].to(torch.float32) for value in self.rows], 1)
            best.keep(place, codes, scale, values)


def _firsts(inside: Tensor, group: Tensor) -> Tensor:
    """`inside` without the positions that repeat the fold key of an earlier position inside: both pair rank."""
    length = inside.shape[1]
    rank = torch.arange(length, device=inside.device)
    none = torch.full_like(group, length)
    first = none.scatter_reduce(1, group, torch.where(inside, rank, length), "amin")
    return inside & (first.gather(1, group) == rank)
