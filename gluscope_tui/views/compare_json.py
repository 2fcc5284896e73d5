"""A comparison as JSON, as docs/formats.md says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from indexer.database.records import Example, NeuronRecord, TokenScore
from indexer.quadrants import QUADRANTS, Quadrant

from . import json
from .compare import CORRELATED, Compared, shared_tokens
from .numbers import float32


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
        "remarks": list(compared.remarks),
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
