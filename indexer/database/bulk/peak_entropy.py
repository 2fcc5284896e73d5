"""The entropy of the tokens that the examples of each quadrant peak on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...quadrants import QUADRANTS
from ...ranking import QUADRANT_BITS, RANKINGS
from .peak_texts import PeakTexts
from .spool import Records, changes, order_by


def entropies(entries: Records, texts: PeakTexts) -> Iterator[tuple[int | float | None, ...]]:
    """A row of the table `peak_entropy` for each neuron of some entries that has an example by post."""
    own = entries[entries["list"] >> 2 == RANKINGS["post"].code]
    if not len(own):
        return
    cell = own["neuron"].astype(np.int64) * len(QUADRANTS) + (own["list"] & QUADRANT_BITS)
    kind = texts.kinds(own["sequence"], own["position"]) + 1
    order = order_by(cell, kind)
    cell, kind = cell[order], kind[order]
    first = np.flatnonzero(changes(cell, kind))
    alike = np.diff([*first, len(cell)])  # examples that peak on the same text
    cells, start = np.unique(cell[first], return_index=True)
    total = np.add.reduceat(alike, start)
    # -sum p log2 p, where p = alike / total
    bits = np.log2(total) - np.add.reduceat(alike * np.log2(alike), start) / total
    neurons = np.unique(cells // len(QUADRANTS))
    table = np.full((len(neurons), len(QUADRANTS)), np.nan)
    table[np.searchsorted(neurons, cells // len(QUADRANTS)), cells % len(QUADRANTS)] = np.maximum(bits, 0.0)
    for neuron, row in zip(neurons.tolist(), table.astype(np.float32).tolist(), strict=True):
        yield (neuron, *(None if bits != bits else bits for bits in row))
