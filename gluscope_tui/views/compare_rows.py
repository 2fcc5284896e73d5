"""A comparison as rows of fields for scripts, as docs/formats.md says: all that its page for people tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from indexer.database.records import Example, TokenScore
from indexer.quadrants import QUADRANTS

from ..text.clean import clean
from .compare import CORRELATED, Compared, SharedTokens, shared_tokens
from .contexts import colour_of
from .numbers import exact
from .text import around_peak

_FIELDS = 8


def rows(compared: Compared, limit: int) -> Iterator[str]:
    """Tab-separated lines: names, what, where, the two values, their difference, its standard error; "" for none.

    `limit`: the most contexts of a quadrant.
    """
    for fields in _rows(compared, limit):
        line = (*map(clean, compared.names), *fields)
        yield "\t".join((*line, *[""] * (_FIELDS - len(line))))


def _rows(compared: Compared, limit: int) -> Iterator[tuple[str, ...]]:
    yield from (("remark", "", remark) for remark in compared.remarks)
    flips = ("" if record.flipped is None else str(record.flipped).lower() for record in compared.records)
    yield "flipped", "", *flips
    yield from _weights(compared)
    yield from _statistics(compared)
    for cosine in compared.cosines:
        where = f"{cosine.one},{cosine.other}"
        yield "cos", where, exact(cosine.cosine)
        if cosine.at_most is not None:
            yield "cos_at_most", where, exact(cosine.at_most)
    for name in CORRELATED:
        value = compared.correlation(name)
        if value is not None:
            yield "correlation", name, _number(value)
    yield from _tokens(compared)
    yield from _contexts(compared, limit)
    for pair in compared.shared:
        where = f"{pair.one_quadrant},{pair.other_quadrant}"
        yield "shared", where, exact(pair.one.value), exact(pair.other.value), str(pair.distance)


def _weights(compared: Compared) -> Iterator[tuple[str, ...]]:
    """The classes, and the cosines that each neuron has of its own vectors."""
    one, other = (record.weights for record in compared.records)
    if one is None or other is None:
        return
    yield "class", "", one.rw_class or "", other.rw_class or ""
    for name in ("gate_in", "in_out", "gate_out"):
        yield f"cos_{name}", "", *(exact(getattr(weights, f"cos_{name}")) for weights in (one, other))


def _statistics(compared: Compared) -> Iterator[tuple[str, ...]]:
    quantity = colour_of(compared.ranking)
    for quadrant in QUADRANTS:
        if quadrant not in compared.one.quadrants:
            continue
        found, (one, other) = compared.difference(quadrant), (r.quadrants[quadrant] for r in compared.records)
        shares = (_number(one.frequency), _number(other.frequency), _number(found.points), _number(found.error))
        yield "frequency", quadrant.value, *shares
        for what, first, second in (("mean", one.mean, other.mean), ("extreme", one.extreme, other.extreme)):
            yield f"{what}_{quantity}", quadrant.value, exact(first[quantity]), exact(second[quantity])


def _tokens(compared: Compared) -> Iterator[tuple[str, ...]]:
    """A token a line, in the column of the neuron that has it, or in both."""
    one, other = (record.weights for record in compared.records)
    if one is None or other is None:
        return
    lists = (("promotes", one.promotes, other.promotes), ("suppresses", one.suppresses, other.suppresses))
    for what, first, second in lists:
        yield from _shared_or_not(what, shared_tokens(first, second))
    for where, first, second in (
        ("promotes,suppresses", one.promotes, other.suppresses),
        ("suppresses,promotes", one.suppresses, other.promotes),
    ):
        yield from (("opposed", where, *[clean(score.text)] * 2) for score in shared_tokens(first, second).both)


def _shared_or_not(what: str, found: SharedTokens) -> Iterator[tuple[str, ...]]:
    def texts(scores: Sequence[TokenScore]) -> list[str]:
        return [clean(score.text) for score in scores]

    yield from ((what, "both", text, text) for text in texts(found.both))
    yield from ((what, "one", text) for text in texts(found.one))
    yield from ((what, "other", "", text) for text in texts(found.other))


def _contexts(compared: Compared, limit: int) -> Iterator[tuple[str, ...]]:
    """The contexts of each quadrant in pairs, their values on the line before their texts."""
    for quadrant in QUADRANTS:
        one, other = (examples[:limit] for examples in compared.examples(quadrant))
        for rank, pair in enumerate(zip_longest(one, other)):
            where = f"{quadrant},{rank}"
            yield "value", where, *("" if example is None else exact(example.value) for example in pair)
            yield "context", where, *("" if example is None else _text(example) for example in pair)


def _text(example: Example) -> str:
    before, peak, after = around_peak(example)
    return f"{before}«{peak}»{after}"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)
