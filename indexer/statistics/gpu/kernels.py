"""The engine of kernels in Triton: the statistics of a batch, its offers and their windows, on a CUDA device."""

from __future__ import annotations

import numpy as np
import torch

from ...settings import ONE_A_SEQUENCE
from ..activations import Activations
from ..batch import BatchView, NonFiniteError
from ..by_rank import LastByRank
from ..deferred import Steps
from ..engine import Filled
from ..placement import Placement
from . import lists
from .draws import draw
from .first import put_first_positions
from .source import Source
from .state import absorb, mark
from .sweep import sweep
from .windows import fill

_WIDEST = 512
"""Tokens of a window that a program handles at once."""


def lacking(of: Filled) -> str | None:
    """Why the kernels can't fill a state like this one; None if they can."""
    if of.layout.products:
        return "a ranking by a product of quantities"
    if not of.form.sign_preserving:
        return "an activation that doesn't keep the sign of its input"
    if (most := max(of.ranked.k, of.drawn.k)) > lists.MOST:
        return f"lists of {most} examples"
    if (window := sum(of.settings.window) + 1) > _WIDEST:
        return f"windows of {window} tokens"
    if of.drawn_rows not in ((), tuple(range(of.layout.priorities, of.layout.size))):
        return "several draws"
    return None


class Kernels:
    """Merges batches by kernels. It takes what `lacking` has nothing against."""

    name = "kernels"

    def __init__(self) -> None:
        self._ranks = LastByRank()

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """As in `Engine`. It never waits for a device: it yields the tensors whose numbers it needs."""
        source = Source.of(values, placement, batch)
        tally = torch.zeros((source.cells + 1,), dtype=torch.int64, device=source.gate.device)
        with source.on_device():
            found = sweep(source, tally)
            marks = mark(of, found, source, batch.sequence, tally[source.cells :])
        sampling = of.sampling(placement, batch)
        by_rank = self._ranks.of(batch, fold=of.settings.duplicates == "fold")
        numbers = yield torch.cat([tally, sampling.number])
        infinite, offers, sampled = np.split(numbers, [source.cells, source.cells + 1])
        if infinite.any():
            site, row = divmod(int(np.flatnonzero(infinite)[0]), placement.sequences)
            raise NonFiniteError(row, site)
        of.begin(placement.counted)
        with source.on_device():
            absorb(of, found, source)
            if offers[0]:
                put_first_positions(source, marks, found.magnitudes, of.ranked_rows)
                new = lists.enter_ranked(of, source, marks, found.magnitudes, batch, int(offers[0]))
                fill(of, of.ranked, new, source)
            if of.drawn_rows:
                take = 1 if of.settings.draw == ONE_A_SEQUENCE else min(of.drawn.k, source.length)
                drawn = draw(of, source, by_rank, take)
                fill(of, of.drawn, lists.enter_drawn(of, source, drawn, by_rank, batch), source)
        of.enter_sample(source.activations, placement, batch, sampling, sampled)
        of.end()
