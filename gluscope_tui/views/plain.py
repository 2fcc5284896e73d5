"""Lines for pipes: tab-separated fields, no header, no colour, nothing that needs quoting."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import QUANTITIES

from ..colour.depth import Depth
from ..colour.ramp import ramp
from . import sample
from .density import Ink
from .numbers import exact
from .sample import PLOT_ROWS
from .text import around_peak
from .turns import tags


def contexts(record: NeuronRecord) -> Iterator[str]:
    """A line a context: neuron, quadrant, ranking, rank, value, document, part, position, text with the peak in «».

    In a conversation a field follows with the role at the peak, and `sink` if the peak is an attention sink.
    """
    for quadrant in record.quadrants.values():
        for examples in quadrant.examples.values():
            for example in examples:
                yield _fields(record, quadrant, _context(example))


def statistics(record: NeuronRecord) -> Iterator[str]:
    """A line a quadrant: neuron, quadrant, count, frequency, the means of gate, in, act, post, their extremes."""
    for quadrant in record.quadrants.values():
        means = (exact(quadrant.mean[quantity]) for quantity in QUANTITIES)
        extremes = (exact(quadrant.extreme[quantity]) for quantity in QUANTITIES)
        share = "" if quadrant.frequency is None else repr(quadrant.frequency)
        yield _fields(record, quadrant, (str(quadrant.count), share, *means, *extremes))


def plot(record: NeuronRecord, width: int) -> Iterator[str]:
    """The picture and the quantiles of the record's sample as plain text, under the neuron's address."""
    yield record.neuron.name
    if record.sample is not None:
        for line in sample.plot(record.sample, width, PLOT_ROWS, Ink(ramp(Depth.PLAIN)), record.quadrants):
            yield "".join(text for text, _ in line).rstrip(" ")


def _fields(record: NeuronRecord, quadrant: QuadrantRecord, fields: tuple[str, ...]) -> str:
    return "\t".join((record.neuron.name, quadrant.quadrant.value, *fields))


def _context(example: Example) -> tuple[str, ...]:
    before, peak, after = around_peak(example)
    numbers = (example.document, example.part, example.position)
    return (
        example.ranking,
        str(example.rank),
        exact(example.value),
        *map(str, numbers),
        f"{before}«{peak}»{after}",
        *([" ".join(said)] if (said := tags(example)) else []),
    )
