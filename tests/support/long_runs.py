"""Shared by tests of long runs: a folder with a model and a text, runs that are cut off, and comparing indexes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.run.accumulator import Run
from indexer.sequences.batches import Batch
from indexer.settings import Execution, Inputs, Settings

from .outputs import SMALL, shown
from .small_runs import save_model, write_corpus


class Folder:
    """A model, a text and the index of both."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = save_model(path / "model")
        self.corpus = write_corpus(path / "texts.jsonl")
        self.notices: list[str] = []
        self.rates: list[float] = []  # tokens a second, as told
        self.told: list[tuple[int, int | None]] = []  # tokens done, and in all

    def make(
        self,
        name: str,
        settings: Settings = SMALL,
        *,
        corpus: Path | None = None,
        overwrite: bool = False,
        **execution: Any,
    ) -> Path:
        self.notices, self.rates, self.told = [], [], []

        def report(progress: Progress) -> None:
            if progress.phase == "notice":
                self.notices.append(progress.message)
            elif progress.phase == "indexing" and progress.rate is not None:
                self.rates.append(progress.rate)
                self.told.append((progress.done, progress.total))

        inputs = Inputs((str(corpus or self.corpus),))
        chosen = Execution(**{"compile": "on", **execution})
        return index(str(self.model), inputs, self.path / name, settings, chosen, overwrite=overwrite, progress=report)


def numbers(db: Path) -> list[Any]:
    """The values that must not depend on the batches except for rounding: statistics, and values of the rankings.

    Which of two equal texts stands for both does depend on it, and so does a value in a window on its coarse grid.
    """
    found: list[Any] = []
    for neuron in json.loads(shown(db))["neurons"]:
        for quadrant in neuron["quadrants"].values():
            found.append([quadrant["count"], *quadrant["mean"].values(), *quadrant["extreme"].values()])
            rankings = {name: list_ for name, list_ in quadrant["examples"].items() if name != "random"}
            found.append([[abs(example["value"]) for example in list_] for list_ in rankings.values()])
            found.append([(example["document"], example["position"]) for example in quadrant["examples"]["random"]])
    return found


def close(one: Any, other: Any) -> bool:
    """Whether two nested lists are the same except for rounding."""
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float):
        return bool(other == pytest.approx(one, rel=1e-4, abs=1e-5))
    return bool(one == other)


class CutOff(Exception):
    """Stands for the end of a process."""


def cut_off(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The next run ends once it has run some batches, the last of them without a checkpoint."""
    process = Run.process
    left = [after]

    def counted(run: Run, batch: Batch) -> None:
        process(run, batch)
        left[0] -= 1
        if left[0] == 0:
            monkeypatch.setattr(Run, "process", process)
            raise CutOff

    monkeypatch.setattr(Run, "process", counted)
