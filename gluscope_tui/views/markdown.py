"""A neuron as Markdown, for notes and issues: a table of the quadrants and lists of contexts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.database.records import Example, NeuronRecord, QuadrantRecord

from ..text.clean import clean
from .neuron import COLUMNS, cells_of, signs_of, tokens_of
from .numbers import frequency, signed
from .text import around_peak

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def neuron(record: NeuronRecord) -> Iterator[str]:
    """The lines of the neuron's section; every character of the corpus stands for itself."""
    yield f"## {record.neuron.name}"
    yield ""
    yield f"{escaped(clean(record.model))}; {signs_of(record)}; {tokens_of(record)}"
    yield ""
    names = [*COLUMNS[:3], *(f"mean {name}" for name in COLUMNS[3:7]), *(f"extreme {name}" for name in COLUMNS[7:])]
    yield _row(names)
    yield _row(["---", *["---:"] * (len(names) - 1)])
    for quadrant in record.quadrants.values():
        first, *others = cells_of(quadrant, record.tokens_counted)
        yield _row([f"`{first}`", *map(escaped, others)])
    yield ""
    for quadrant in record.quadrants.values():
        yield from _contexts(record, quadrant)


def escaped(text: str) -> str:
    """The text with every character that Markdown may take for its own behind a backslash."""
    return _PUNCTUATION.sub(r"\\\1", text)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _contexts(record: NeuronRecord, quadrant: QuadrantRecord) -> Iterator[str]:
    for ranking, examples in quadrant.examples.items():
        if not examples:
            continue
        share = frequency(quadrant.count, record.tokens_counted)
        yield f"### `{quadrant.quadrant.value}` by {escaped(clean(ranking))} ({escaped(share)})"
        yield ""
        for example in examples:
            yield f"- {_value(example)} {_text(example)}"
        yield ""


def _value(example: Example) -> str:
    return f"`{signed(example.value)}`"


def _text(example: Example) -> str:
    before, peak, after = (escaped(text) for text in around_peak(example))
    return f"{before}«{peak}»{after}".strip(" ")
