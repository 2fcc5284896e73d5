"""A small mixture of experts with its text, and what its index sampled."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from indexer.jobs.index import index
from indexer.settings import Execution, Inputs, Settings

from .small_runs import make, write_corpus
from .tiny_experts import save_mixture

SETTINGS = Settings(context=24, batch_tokens=96, top_k=4, sample=20)
SIZES: dict[str, Any] = {"num_hidden_layers": 2, "intermediate_size": 12, "moe_intermediate_size": 12}


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = save_mixture(path / "model", "DeepseekV3Config", **SIZES)  # dense, routed and shared
        self.corpus = write_corpus(path / "texts.jsonl")
        self.whole = make(self.model, self.corpus, path / "whole.db", SETTINGS)

    def make(self, name: str, settings: Settings = SETTINGS, **execution: Any) -> Path:
        inputs = Inputs((str(self.corpus),))
        return index(str(self.model), inputs, self.path / name, settings, Execution(**{"compile": "on", **execution}))


def sampled(db: Path) -> list[tuple[Any, ...]]:
    """The positions that each site sampled, and what every neuron had there."""
    with sqlite3.connect(db) as connection:
        places = connection.execute(
            "SELECT s.name, p.rank, p.sequence, p.position FROM sites AS s JOIN sample_positions AS p "
            "ON p.sample = s.sample ORDER BY s.name, p.rank"
        ).fetchall()
        values = connection.execute("SELECT neuron, sample FROM packed ORDER BY neuron").fetchall()
    return [*places, *values]
