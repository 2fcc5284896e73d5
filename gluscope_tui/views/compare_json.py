"""A comparison for scripts, as docs/formats.md says: JSON, and rows of fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from indexer.database.records import Example, NeuronRecord, TokenScore
from indexer.quadrants import QUADRANTS, Quadrant

from ..text.clean import clean
from . import json
from .compare import CORRELATED, Compared, shared_tokens
from .contexts import colour_of
from .numbers import exact, float32


def as_json(compared: Compared, limit: int | None = None) -> dict[str, Any]:
    """Both neurons whole, and what is between them; null for what the index doesn't have.

    `limit`: the most contexts of a quadrant, and the most shared ones; None: all.
    """
    shown = [quadrant for quadrant in QUADRANTS if quadrant in compared.one.quadrants]
    return {
        "format": json.FORMAT,
        "names": list(compared.names),
        "one": json.neuron(_limited(compared.one, limit)),
        "other": json.neuron(_limited(compared.other, limit)),
        "difference": {quadrant.value: _difference(compared, quadrant) for quadrant in shown},
        "flipped_in_one": compared.flipped_in_one,
        "cosines": [
            {"one": one.one, "other": one.other, "cos": float32(one.cosine), "at_most": float32(one.at_most)}
            for one in compared.cosines
        ],
        "correlation": {
            "n": compared.sampled,
            **{name: compared.correlation(name) for name in CORRELATED},
        },
        **_tokens(compared),
        "shared": [
            {
                "distance": pair.distance,
                "document": pair.one.document,
                "part": pair.one.part,
                "one": _peak(pair.one, pair.one_quadrant),
                "other": _peak(pair.other, pair.other_quadrant),
                "text": pair.one.text,
            }
            for pair in compared.shared[:limit]
        ]
        if not compared.not_shared
        else None,
    }


def _limited(record: NeuronRecord, limit: int | None) -> NeuronRecord:
    """The record with at most `limit` examples of each ranking in a quadrant."""
    if limit is None:
        return record
    quadrants = {
        name: replace(quadrant, examples={ranking: found[:limit] for ranking, found in quadrant.examples.items()})
        for name, quadrant in record.quadrants.items()
    }
    return replace(record, quadrants=quadrants)


def _difference(compared: Compared, quadrant: Quadrant) -> dict[str, float | None]:
    found = compared.difference(quadrant)
    return {"points": found.points, "standard_error": found.error}


def _peak(example: Example, quadrant: Quadrant) -> dict[str, Any]:
    return {
        "quadrant": quadrant.value,
        "rank": example.rank,
        "value": float32(example.value),
        "position": example.position,
    }


def _tokens(compared: Compared) -> dict[str, Any]:
    """The tokens that both promote or suppress, and those that only one does; null without weights."""
    one, other = compared.one.weights, compared.other.weights
    if one is None or other is None:
        return {"promotes": None, "suppresses": None, "opposed": None}
    pairs = (("promotes", one.promotes, other.promotes), ("suppresses", one.suppresses, other.suppresses))
    found: dict[str, Any] = {}
    for name, first, second in pairs:
        shared = shared_tokens(first, second)
        found[name] = {"both": _ids(shared.both), "one": _ids(shared.one), "other": _ids(shared.other)}
    opposed = (shared_tokens(one.promotes, other.suppresses).both, shared_tokens(one.suppresses, other.promotes).both)
    return {**found, "opposed": [entry for scores in opposed for entry in _ids(scores)]}


def _ids(scores: Iterable[TokenScore]) -> list[dict[str, Any]]:
    return [{"token": score.token, "text": score.text} for score in scores]


def rows(compared: Compared) -> Iterator[str]:
    """Tab-separated lines: names, what, where, the two values, their difference, its standard error; "" for none."""
    quantity = colour_of(compared.ranking)
    for quadrant in QUADRANTS:
        if quadrant not in compared.one.quadrants:
            continue
        found, (one, other) = compared.difference(quadrant), (r.quadrants[quadrant] for r in compared.records)
        shares = (_number(one.frequency), _number(other.frequency), _number(found.points), _number(found.error))
        yield _line(compared, "frequency", quadrant.value, *shares)
        for what, first, second in (("mean", one.mean, other.mean), ("extreme", one.extreme, other.extreme)):
            yield _line(compared, f"{what}_{quantity}", quadrant.value, exact(first[quantity]), exact(second[quantity]))
    for cosine in compared.cosines:
        where = f"{cosine.one},{cosine.other}"
        yield _line(compared, "cos", where, exact(cosine.cosine))
        if cosine.at_most is not None:
            yield _line(compared, "cos_at_most", where, exact(cosine.at_most))
    for name in CORRELATED:
        value = compared.correlation(name)
        if value is not None:
            yield _line(compared, "correlation", name, _number(value))
    for pair in compared.shared:
        where = f"{pair.one_quadrant},{pair.other_quadrant}"
        values = (exact(pair.one.value), exact(pair.other.value), str(pair.distance))
        yield _line(compared, "shared", where, *values)


def _line(compared: Compared, what: str, where: str, *fields: str) -> str:
    return "\t".join((*map(clean, compared.names), what, where, *fields, *[""] * (4 - len(fields))))


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)
