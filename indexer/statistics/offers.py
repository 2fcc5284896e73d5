"""Compares one batch with the state of a stack: the statistics including the batch, and its offers to the lists.

A column of lists is (site * lists + list) * width + neuron; offers are sequence column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .activations import Activations
from .batch import BatchView
from .best_k import drawn_keys, extent, magnitude_keys
from .engine import Filled
from .fuser import Fuser
from .placement import Part, Placement
from .reduction import UNSIGNED, Reduction, larger_end, reduce_batch, reduce_whole, signed_extremes
from .row_layout import QUANTITY_ROWS, RowLayout, rows_of


class Standing(NamedTuple):
    """The state that a batch is compared with: the statistics so far, and the keys that an offer must beat."""

    counts: Tensor  # site quadrant neuron, int64
    total: Tensor  # site 16 neuron, float64
    extreme: Tensor  # site 16 neuron, float32
    sign: Tensor  # 16 1, float32: of each row inside its quadrant
    ranked: Tensor  # column, int64
    drawn: Tensor  # column, int64


class Order(NamedTuple):
    """What decides between the positions and the sequences of a batch."""

    sequence: Tensor  # sequence: numbers in the order of the corpus
    hashes: Tensor  # sequence position, int64
    by_hash: Tensor  # sequence rank: positions, smallest hash first

    @classmethod
    def of(cls, batch: BatchView) -> Order:
        return cls(batch.sequence, batch.hashes, batch.by_hash)


class Rows(NamedTuple):
    """Which rows of magnitudes the lists are ordered by, int64: `list` each."""

    ranked: Tensor
    drawn: Tensor

    @classmethod
    def of(cls, filled: Filled) -> Rows:
        return cls(filled.ranked_index, filled.drawn_index)


class Survey(NamedTuple):
    """The statistics including the batch, and its offers."""

    counts: Tensor  # site quadrant neuron
    total: Tensor  # site 16 neuron
    extreme: Tensor  # site 16 neuron
    magnitudes: Tensor  # site sequence row neuron
    tally: (
        Tensor  # 2 * cells + 6, int64: whether each cell isn't finite, how many offers by magnitude of each beat their
    )
    # lists, and the extents of the offers by magnitude and of the first ones to the draws


def survey(
    of: Filled, values: Activations, placement: Placement, parts: Sequence[Part], batch: BatchView, fuse: Fuser
) -> Survey:
    """Reduce a batch and compare it with the state of a stack. `parts`: the parts of the placement."""
    standing = Standing(of.count, of.total, of.extreme, of.signs, of.ranked.threshold, of.drawn.threshold)
    order, rows = Order.of(batch), Rows.of(of)
    if fuse.enabled and parts[0].gathered is None:
        whole = parts[0]
        found = fuse(_survey_whole, values, whole.counted, whole.priority, order, standing, rows, of.layout)
    else:
        found = _compare(_reduced(values, placement, parts, of.layout, fuse), order, standing, rows)
    if of.form.sign_preserving:
        return found
    ends = _signed(values, placement, parts)  # act and post can have either sign in a quadrant
    return found._replace(extreme=_with_ends(found.extreme, standing.extreme, ends))


def _survey_whole(
    values: Activations,
    counted: Tensor,
    priority: Tensor,
    order: Order,
    standing: Standing,
    rows: Rows,
    layout: RowLayout,
) -> Survey:
    return _compare(reduce_whole(values, counted, priority, layout), order, standing, rows)


def _reduced(
    values: Activations, placement: Placement, parts: Sequence[Part], layout: RowLayout, fuse: Fuser
) -> Reduction:
    """The statistics of all cells; zeros in cells without rows."""
    if parts[0].gathered is None:
        return reduce_batch(values, parts[0].counted, parts[0].priority, layout, fuse)
    cells, width, device = placement.sites * placement.sequences, values.gate.shape[-1], values.gate.device
    whole = Reduction(
        torch.zeros((cells, 4, width), dtype=torch.int32, device=device),
        torch.zeros((cells, QUANTITY_ROWS, width), dtype=torch.float64, device=device),
        torch.zeros((cells, layout.size, width), dtype=torch.float32, device=device),
        torch.ones((cells, width), dtype=torch.bool, device=device),
    )
    for part in parts:
        assert part.gathered is not None  # else it is the only one
        reduction = reduce_batch(part.values(values), part.counted, part.priority, layout, fuse)
        for all_cells, own in zip(whole, reduction, strict=True):
            all_cells[part.gathered.cell] = own
    return whole


def _signed(values: Activations, placement: Placement, parts: Sequence[Part]) -> Tensor:
    """The signed value of the largest magnitude of act and post in each quadrant of the batch: site 8 neuron."""
    if parts[0].gathered is None:
        ends = signed_extremes(values, parts[0].counted)
    else:
        cells = placement.sites * placement.sequences
        ends = torch.zeros((cells, 4 * len(UNSIGNED), values.gate.shape[-1]), device=values.gate.device)
        for part in parts:
            assert part.gathered is not None  # else it is the only one
            ends[part.gathered.cell] = signed_extremes(part.values(values), part.counted)
    return larger_end(ends.view(placement.sites, placement.sequences, *ends.shape[1:]), 1)


def _with_ends(extreme: Tensor, before: Tensor, ends: Tensor) -> Tensor:
    for place, quantity in enumerate(UNSIGNED):
        rows = rows_of(quantity)
        extreme[:, rows] = larger(before[:, rows], ends[:, place * 4 : place * 4 + 4])
    return extreme


def _compare(reduction: Reduction, order: Order, standing: Standing, rows: Rows) -> Survey:
    sites, sequences = len(standing.counts), len(order.sequence)
    counts, totals, magnitudes = (each.view(sites, sequences, *each.shape[1:]) for each in reduction[:3])
    extreme = larger(standing.extreme, magnitudes[:, :, :QUANTITY_ROWS].amax(1) * standing.sign)
    ranked = ranked_keys(magnitudes, order, rows)
    drawn = drawn_first(magnitudes, order, rows)[0]
    beating = (ranked > standing.ranked).view(sequences, sites, -1).sum(2).T.flatten()  # cell
    infinite = (~reduction.finite.all(1)).to(torch.int64)
    tally = [infinite, beating, extent(ranked, standing.ranked), extent(drawn, standing.drawn)]
    return Survey(
        standing.counts + counts.sum(1),
        standing.total + totals.sum(1),
        extreme,
        magnitudes,
        torch.cat(tally),
    )


def ranked_keys(magnitudes: Tensor, order: Order, rows: Rows) -> Tensor:
    """The keys of a batch's offers by magnitude: sequence column, -1 for no offer. `magnitudes`: as in `Survey`."""
    keys = magnitude_keys(magnitudes.index_select(2, rows.ranked), order.sequence[:, None, None])
    return by_sequence(keys.flatten(2))


def drawn_first(magnitudes: Tensor, order: Order, rows: Rows) -> tuple[Tensor, Tensor]:
    """The first offer of each sequence to the draws: its key (-1: none), and its rank by hash.

    Both sequence column.
    """
    length = order.by_hash.shape[1]
    priority = magnitudes.index_select(2, rows.drawn).flatten(2)
    rank = (length - priority).to(torch.int64).clamp(0, length - 1)
    sorted_hashes = order.hashes.gather(1, order.by_hash)
    keys = drawn_keys(sorted_hashes.expand(len(magnitudes), -1, -1).gather(2, rank))
    return by_sequence(torch.where(priority > 0, keys, -1)), by_sequence(rank)


def by_sequence(found: Tensor) -> Tensor:
    """Reshape (site, sequence, column of the site) to (sequence, column)."""
    return found.transpose(0, 1).flatten(1)


def larger(one: Tensor, other: Tensor) -> Tensor:
    """The signed value of the larger magnitude. In a tie the positive one wins, so that order doesn't matter."""
    wins = (other.abs() > one.abs()) | ((other.abs() == one.abs()) & (other > one))
    return torch.where(wins, other, one)
