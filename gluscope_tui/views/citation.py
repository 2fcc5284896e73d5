"""A context as one line to quote it: where it is from, its value, its text with the peak marked."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.addresses import NeuronAddress
from indexer.database.records import Example
from indexer.quadrants import Quadrant

from ..text.clean import clean
from .numbers import signed
from .text import around_peak


@dataclass(frozen=True, slots=True)
class Cited:
    """The neuron and quadrant that a context is quoted for, with the model's name."""

    model: str
    neuron: NeuronAddress
    quadrant: Quadrant
    signs: str = "aligned"

    @property
    def name(self) -> str:
        """`L12N345 -+`, with the signs if they are not the usual ones."""
        raw = "" if self.signs == "aligned" else f" ({self.signs} signs)"
        return f"{self.neuron} {self.quadrant.value}{raw}"


def citation(cited: Cited, example: Example) -> str:
    """The context on one line, blanks kept, its peak between « and ».

    `model L12N345 -+, post -3.21, rank 3 by post; topics.txt, document 12, position 7: "…"`
    """
    quantity = "post" if example.ranking == "random" else example.ranking
    part = f", part {example.part}" if example.part else ""
    place = f"document {example.document}{part}, position {example.position}"
    source = ", ".join(filter(None, (clean(example.source), place)))
    before, peak, after = around_peak(example)
    rank = f"rank {example.rank + 1} by {example.ranking}"
    value = f"{quantity} {signed(example.value)}"
    return f'{clean(cited.model)} {cited.name}, {value}, {rank}; {source}: "{before}«{peak}»{after}"'
