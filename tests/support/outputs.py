"""The content of an index, as values to compare: records, provenance and samples."""

from __future__ import annotations

import json
from pathlib import Path

import indexer
from gluscope_tui.views import json as views
from indexer.database.records import IndexInfo
from indexer.settings import Settings

SMALL = Settings(context=48, batch_tokens=96, sample=32, top_k=4, rank_by=("post", "gate", "in", "act", "random"))


def shown(db: Path) -> str:
    """The output of `show -f json` for all neurons, and the hits of searches."""
    with indexer.open(db) as opened:
        names = [f"{site.address}N{neuron}" for site in opened.sites for neuron in range(site.width)]
        found = [
            (hit.neuron.name, hit.quadrant.value, hit.strength, views.context(hit.example))
            for text, where in (("the", "peak"), ("a", "peak"), ("cat", "context"), ("猫", "context"))
            for hit in opened.search(text, where)
        ]
        return json.dumps({"neurons": [views.neuron(opened.neuron(name)) for name in names], "found": found})


def sampled(db: Path) -> list[tuple[float, ...]]:
    """The sampled values of all neurons."""
    with indexer.open(db) as opened:
        names = [f"{site.address}N{neuron}" for site in opened.sites for neuron in range(site.width)]
        return [opened.sample(name).gate + opened.sample(name).in_ for name in names]


def told(db: Path) -> IndexInfo:
    with indexer.open(db) as opened:
        return opened.info()
