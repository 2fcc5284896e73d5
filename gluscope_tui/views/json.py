"""The JSON of a neuron and of an index, exactly as docs/formats.md says: stable, keys may be added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.database.records import Example, IndexInfo, NeuronRecord, QuadrantRecord, Quantities, SiteRecord

from . import sample as sample_view
from . import weights
from .numbers import float32

FORMAT = 1


def neuron(record: NeuronRecord) -> dict[str, Any]:
    """Everything in the record; means, extremes, quantiles and values as float32."""
    site = record.neuron.site
    sample = {} if record.sample is None else {"sample": sample_view.json(record.sample, record.quadrants)}
    return {
        "format": FORMAT,
        "neuron": record.neuron.name,
        "site": site.name,
        "layer": site.layer,
        "index": record.neuron.index,
        "model": record.model,
        "signs": record.signs,
        "flipped": record.flipped,
        "tokens_counted": record.tokens_counted,
        "tokens_corpus": record.tokens_corpus,
        "zero": record.zero,
        **sample,
        "weights": weights.as_json(record.weights),
        "quadrants": {name.value: _quadrant(quadrant) for name, quadrant in record.quadrants.items()},
    }


def _quadrant(quadrant: QuadrantRecord) -> dict[str, Any]:
    return {
        "count": quadrant.count,
        "frequency": quadrant.frequency,
        "mean": _quantities(quadrant.mean),
        "extreme": _quantities(quadrant.extreme),
        "peak_entropy": float32(quadrant.peak_entropy),
        "examples": {
            ranking: [context(example) for example in examples] for ranking, examples in quadrant.examples.items()
        },
    }


def _quantities(quantities: Quantities) -> dict[str, float | None]:
    return {name: float32(value) for name, value in quantities.as_dict().items()}


def context(example: Example) -> dict[str, Any]:
    """An example with its window."""
    return {
        "rank": example.rank,
        "value": float32(example.value),
        "document": example.document,
        "part": example.part,
        "position": example.position,
        "source": example.source,
        "peak": example.peak,
        "text": example.text,
        "tokens": list(example.tokens),
        "gate": _along(example.gate, example.peak),
        "in": _along(example.in_, example.peak),
        "act": _along(example.act, example.peak),
        "post": _along(example.post, example.peak),
        **({} if example.roles is None else {"roles": list(example.roles)}),
        **({"sink": True} if example.sink else {}),
    }


def _along(values: Sequence[float | None], peak: int) -> list[float | None]:
    """Values along a window: exact at the peak, four significant digits elsewhere, more than the index keeps."""
    return [
        value if value is None else float32(value) if place == peak else float(f"{value:.4g}") + 0.0
        for place, value in enumerate(values)
    ]


def info(record: IndexInfo) -> dict[str, Any]:
    """All provenance of an index."""
    telling = record.telling_neuron
    return {
        "format": FORMAT,
        "path": record.path,
        "size": record.size,
        "schema_version": record.schema_version,
        "complete": record.complete,
        "neurons": record.neurons,
        "telling_neuron": None if telling is None else telling.name,
        "model": dict(record.model),
        "corpus": dict(record.corpus),
        "coverage": dict(record.coverage),
        "weights": dict(record.weights),
        "sinks": None if record.sinks is None else record.sinks.to_json(),
        "wiring": dict(record.wiring),
        "settings": dict(record.settings),
        "software": dict(record.software),
        "run": dict(record.run),
        "sites": [_site(site, record.corpus["tokens"]) for site in record.sites],
    }


def _site(site: SiteRecord, tokens: int) -> dict[str, Any]:
    return {
        "site": site.address.name,
        "layer": site.address.layer,
        "neurons": site.width,
        "activation": site.activation,
        "tokens_counted": site.tokens_counted,
        "tokens_corpus": tokens,
        "identity_error": site.identity_error,
        "adapter": site.adapter,
    }
