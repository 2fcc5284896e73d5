"""Entering what experts offer to their lists on the CPU: expert by expert, its rows of each sequence side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .quadrants import QUANTITIES
from .reduction import Activations
from .routing import Placement
from .state import BatchView, SiteState


class ExpertOffers(NamedTuple):
    """What a batch offers, by expert, sequence and column of the expert: list * width + neuron."""

    ranked: Tensor  # int64 keys; -1: none
    magnitudes: Tensor  # expert sequence 20 neuron
    random: Tensor  # int64 keys; -1: none
    position: Tensor  # int64: of the random offers, in the sequence


def enter_experts(
    states: Sequence[SiteState],
    values: Activations,
    batch: BatchView,
    placement: Placement,
    offers: ExpertOffers,
    rows: tuple[int, ...],
) -> None:
    """Enter all offers that beat their list's threshold. `values` are of each routed row."""
    sequences = len(batch.sequence)
    counts = placement.counts.view(len(states), sequences)
    start = (placement.counts.cumsum(0) - placement.counts).view(len(states), sequences)
    for place, state in enumerate(states):
        number = int((offers.ranked[place] > state.ranked.threshold).sum())
        number += int((offers.random[place] > state.random.threshold).sum())
        if number:
            _enter_one(state, values, batch, placement, start[place], counts[place], offers, place, rows, number)


def _enter_one(
    state: SiteState,
    values: Activations,
    batch: BatchView,
    placement: Placement,
    start: Tensor,
    counts: Tensor,
    offers: ExpertOffers,
    place: int,
    rows: tuple[int, ...],
    number: int,
) -> None:
    """Enter those of one expert; `start` and `counts` say where its rows are in the placement, a sequence each."""
    from .insertion import Places, enter, magnitude_offers, placed_offers

    along = torch.arange(int(counts.max()))
    own = along < counts[:, None]  # sequence place
    kept = (start[:, None] + torch.minimum(along, (counts[:, None] - 1).clamp(min=0))).clamp(max=len(placement.row) - 1)
    position = placement.position[kept]  # sequence place: in the sequence
    mine = Activations(*(value[placement.row[kept]] for value in values))  # sequence place neuron
    # where a position is among those of the expert
    at = torch.zeros((len(counts), placement.length), dtype=torch.int64)
    of, among = own.nonzero().unbind(1)
    at[of, position[of, among]] = among
    fold = batch.folds.gather(1, position) if state.settings.duplicates == "fold" else torch.zeros((0, 0)).long()
    places = Places(batch.sequence.numpy(), position.numpy(), own.to(torch.int32).numpy(), fold.numpy())
    ranked = state.ranked, magnitude_offers(offers.ranked[place], offers.magnitudes[place], rows)
    random = state.random, placed_offers(offers.random[place], at.gather(1, offers.position[place]))
    lanes = tuple(QUANTITIES.index(name) for name in state.quantities)
    enter(ranked, random, mine, lanes, state.settings.window[0], places, number)
