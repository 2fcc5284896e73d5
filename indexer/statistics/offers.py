"""One batch of one site beside its state: the statistics with the batch in them, and what it offers to the rankings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .rankings import extent, magnitude_keys, random_keys
from .reduction import RANDOM_ROW, Activations, Fuser, Reduction, reduce_batch, reduce_whole


class Standing(NamedTuple):
    """What a batch is compared with: the statistics so far, and the keys that an offer must beat."""

    counts: Tensor  # quadrant neuron, int64
    total: Tensor  # 16 neuron, float64
    extreme: Tensor  # 16 neuron, float32
    sign: Tensor  # 16 1, float32: of each row inside its quadrant
    ranked: Tensor  # list * width + neuron, int64
    random: Tensor  # quadrant * width + neuron, int64; or none


class Order(NamedTuple):
    """What decides between the positions and the sequences of a batch."""

    sequence: Tensor  # sequence: numbers in the order of the corpus
    hashes: Tensor  # sequence position, int64
    by_hash: Tensor  # sequence rank: positions, smallest hash first


class Survey(NamedTuple):
    """The statistics with the batch in them, and its offers: one a sequence and column, list * width + neuron."""

    counts: Tensor
    total: Tensor
    extreme: Tensor
    magnitudes: Tensor  # sequence 20 neuron
    ranked_keys: Tensor  # sequence column, int64; -1: none
    random_keys: Tensor  # sequence column, int64; -1: none
    random_position: Tensor  # sequence column, int64; without meaning where there is no key
    tally: Tensor  # sequences + 6: whether each isn't finite, the extents of the ranked and of the random offers


def survey(
    values: Activations,
    counted: Tensor,
    priority: Tensor,
    order: Order,
    standing: Standing,
    rows: Tensor,
    fuse: Fuser,
) -> Survey:
    """Reduce a batch and set it beside the state. `rows`: which of `Reduction.magnitudes` the lists rank by, int64."""
    if fuse.enabled:
        return fuse(_survey_whole, values, counted, priority, order, standing, rows)
    return _compare(reduce_batch(values, counted, priority, fuse), order, standing, rows)


def _survey_whole(
    values: Activations, counted: Tensor, priority: Tensor, order: Order, standing: Standing, rows: Tensor
) -> Survey:
    return _compare(reduce_whole(values, counted, priority), order, standing, rows)


def _compare(reduction: Reduction, order: Order, standing: Standing, rows: Tensor) -> Survey:
    magnitudes = reduction.magnitudes
    extreme = larger(standing.extreme, magnitudes[:, :RANDOM_ROW].amax(0) * standing.sign)
    ranked = magnitude_keys(magnitudes.index_select(1, rows), order.sequence[:, None, None]).flatten(1)
    priority = magnitudes[:, RANDOM_ROW:].flatten(1)  # sequence column
    length = order.by_hash.shape[1]
    rank = (length - priority).to(torch.int64).clamp(0, length - 1)
    position = order.by_hash.gather(1, rank)
    random = torch.where(priority > 0, random_keys(order.hashes.gather(1, position)), -1)
    infinite = (~reduction.finite.all(1)).to(torch.int64)
    offered = random if len(standing.random) else random[:, :0]
    tally = [infinite, extent(ranked, standing.ranked), extent(offered, standing.random)]
    return Survey(
        standing.counts + reduction.counts.sum(0),
        standing.total + reduction.totals.sum(0),
        extreme,
        magnitudes,
        ranked,
        random,
        position,
        torch.cat(tally),
    )


def larger(one: Tensor, other: Tensor) -> Tensor:
    """Of two signed values that of the larger magnitude; of a tie the positive one, so that order doesn't matter."""
    wins = (other.abs() > one.abs()) | ((other.abs() == one.abs()) & (other > one))
    return torch.where(wins, other, one)
