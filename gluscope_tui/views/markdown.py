"""A neuron as Markdown, for notes and issues: a table of the quadrants and lists of contexts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import Quadrant

from ..text.clean import clean
from .neuron import COLUMNS, cells_of, signs_of, tokens_of
from .numbers import frequency, signed
from .plain import plot
from .text import around_peak
from .turns import tags
from .weights import class_of, cosines_of
from .wiring import of_record

_PLOT_WIDTH = 100


def neuron(
    record: NeuronRecord,
    *,
    title: str = "",
    preface: str = "",
    contexts_of: Collection[Quadrant] | None = None,
    wiring: bool = False,
) -> Iterator[str]:
    """The lines of the neuron's section; every character of the corpus stands for itself.

    `title`: instead of the neuron's name. `preface`: a paragraph before the numbers. `contexts_of`: only the contexts
    of these quadrants. `wiring`: with the neurons that feed it and those that it feeds.
    """
    yield f"## {title or record.neuron.name}"
    yield ""
    if preface:
        yield from (preface, "")
    yield f"{code(clean(record.model))}; {signs_of(record)}; {tokens_of(record)}"
    yield ""
    names = [*COLUMNS[:3], *(f"mean {name}" for name in COLUMNS[3:7]), *(f"extreme {name}" for name in COLUMNS[7:])]
    yield _row(names)
    yield _row(["---", *["---:"] * (len(names) - 1)])
    for quadrant in record.quadrants.values():
        first, *others = cells_of(quadrant, record.tokens_counted)
        yield _row([code(first), *others])
    yield ""
    if record.sample is not None:
        yield from ("```", *list(plot(record, _PLOT_WIDTH))[1:], "```", "")
    if record.weights is not None:
        yield f"{class_of(record.weights)}; {'  '.join(cosines_of(record.weights))}"
        yield ""
        for label, scores in (("promotes", record.weights.promotes), ("suppresses", record.weights.suppresses)):
            yield f"- {label} {' '.join(code(clean(score.text)) for score in scores)}"
        yield ""
    if wiring:
        yield from ("```", *of_record(record, _PLOT_WIDTH), "```", "")
    for quadrant in record.quadrants.values():
        if contexts_of is None or quadrant.quadrant in contexts_of:
            yield from _contexts(record, quadrant)


def prose(text: str) -> str:
    """A text as running text in which every character stands for itself."""
    return re.sub(r"([\\`*_\[\]<>#|~&$])", r"\\\1", clean(text))


def code(text: str) -> str:
    """The text as a code span, in which every character stands for itself."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _contexts(record: NeuronRecord, quadrant: QuadrantRecord) -> Iterator[str]:
    for ranking, examples in quadrant.examples.items():
        if not examples:
            continue
        share = frequency(quadrant.count, record.tokens_counted)
        yield f"### {code(quadrant.quadrant.value)} by {ranking} ({share})"
        yield ""
        for example in examples:
            said = "".join(f", {tag}" for tag in tags(example))
            yield f"- {code(signed(example.value))} {code(_text(example))}{said}"
        yield ""


def _text(example: Example) -> str:
    before, peak, after = around_peak(example)
    return f"{before}«{peak}»{after}".strip(" ")
