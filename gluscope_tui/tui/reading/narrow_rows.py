"""Reads the narrow rows of only those neurons that a list shows. Runs in the reader."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import NeuronRow
from indexer.quadrants import QUADRANTS

from ..session.numbering import Numbering

_COLUMNS = (
    "flipped",
    "tokens_counted",
    *(f"frequency_{quadrant.letters}" for quadrant in QUADRANTS),
    *(f"extreme_post_{quadrant.letters}" for quadrant in QUADRANTS),
)


def narrow_rows(index: Index, neurons: Sequence[NeuronAddress], signs: str) -> list[NeuronRow]:
    """The rows of some neurons of the index, in their order."""
    numbering = Numbering(index.sites)
    rows = index.table.rows_of([numbering.number(neuron) for neuron in neurons], _COLUMNS, signs=signs)
    return [
        NeuronRow(neuron, None if flipped is None else bool(flipped), counted, (pp, pn, np, nn), tuple(extremes))
        for neuron, (flipped, counted, pp, pn, np, nn, *extremes) in zip(neurons, rows, strict=True)
    ]
