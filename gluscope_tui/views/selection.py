"""Which part of a neuron is shown: a record narrowed to quadrants, rankings and a number of contexts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from indexer.database.records import NeuronRecord, QuadrantRecord
from indexer.quadrants import RANKINGS, Quadrant


def rankings_of(record: NeuronRecord) -> tuple[str, ...]:
    """The rankings that a record has, in their usual order."""
    kept = {ranking for quadrant in record.quadrants.values() for ranking in quadrant.examples}
    return tuple(ranking for ranking in RANKINGS if ranking in kept)


def narrowed(
    record: NeuronRecord,
    *,
    quadrants: Collection[Quadrant] | None = None,
    rankings: Collection[str] | None = None,
    limit: int | None = None,
) -> NeuronRecord:
    """The record with only these quadrants and rankings and the first `limit` examples of each; None: all."""
    return replace(
        record,
        quadrants={
            name: _narrowed(quadrant, rankings, limit)
            for name, quadrant in record.quadrants.items()
            if quadrants is None or name in quadrants
        },
    )


def _narrowed(quadrant: QuadrantRecord, rankings: Collection[str] | None, limit: int | None) -> QuadrantRecord:
    return replace(
        quadrant,
        examples={
            ranking: examples[:limit]
            for ranking, examples in quadrant.examples.items()
            if rankings is None or ranking in rankings
        },
    )
