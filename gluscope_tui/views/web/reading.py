"""Reads from an index what the page of a neuron shows."""

from __future__ import annotations

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord, NeuronWeights

from .page import Asked, Place, page


def read_page(index: Index, neuron: NeuronAddress, asked: Asked, place: Place | None = None, note: str = "") -> str:
    """The page of a neuron."""
    record = read_record(index, neuron, asked)
    return page(record, asked, place or Place(), turned(index, record), note)


def read_record(index: Index, neuron: NeuronAddress, asked: Asked) -> NeuronRecord:
    """The record with all that a page shows; contexts only if the index keeps the ranking."""
    shown = asked.shown
    rankings = (shown.ranking,) if shown.ranking in index.rankings else ()
    return index.neuron(neuron, signs=asked.signs, rankings=rankings, limit=shown.limit, sample=True, weights=True)


def turned(index: Index, record: NeuronRecord) -> NeuronWeights | None:
    """The weights of a flipped neuron under the other signs."""
    if not record.flipped or record.weights is None:
        return None
    return index.weights(record.neuron, signs="raw" if record.signs == "aligned" else "aligned")
