"""The coverage of an index: the batches of the plan that each site was fed, as sets to join and compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
_STEPS = 64  # how many of the following numbers are tried for the step of a progression


@dataclass(frozen=True, slots=True)
class Batches:
    """A set of batch numbers, and the tokens in them."""

    numbers: Numbers  # ascending
    tokens: int

    def __or__(self, other: Batches) -> Batches:
        return Batches(np.union1d(self.numbers, other.numbers), self.tokens + other.tokens)

    def __and__(self, other: Batches) -> Numbers:
        return np.intersect1d(self.numbers, other.numbers)

    @property
    def first(self) -> int:
        """The lowest number, or one beyond all others if there is none."""
        return int(self.numbers[0]) if len(self.numbers) else 2**62


NOTHING = Batches(np.zeros(0, dtype=np.int64), 0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The cells (batch, site) of an index."""

    total: int | None  # batches of the plan; None: not known, since the text wasn't read to its end
    borders: tuple[int, ...]  # sequences after which an extended run began a new block of the plan
    finished: bool  # the run did all its work, so that the index can be merged
    shard: str | None  # such as 2/8
    sites: Mapping[str, Batches]  # by name

    @property
    def complete(self) -> bool:
        """Whether every site was fed the whole corpus."""
        return self.finished and all(len(batches.numbers) == self.total for batches in self.sites.values())

    def to_json(self) -> dict[str, Any]:
        """As the index keeps it; equal sets of cells give equal JSON."""
        cells: list[dict[str, Any]] = []
        for name, batches in self.sites.items():
            runs = progressions(batches.numbers)
            same = next((cell for cell in cells if cell["batches"] == runs), None)
            if same is None:
                cells.append(
                    {"sites": [name], "batches": runs, "count": len(batches.numbers), "tokens": batches.tokens}
                )
            else:
                same["sites"].append(name)
        if len(cells) == 1:
            cells[0]["sites"] = None  # all
        return {
            "complete": self.complete,
            "batches": self.total,
            "borders": list(self.borders),
            "finished": self.finished,
            "shard": self.shard,
            "cells": cells,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any], sites: Iterable[str]) -> Coverage:
        """Read the result of `to_json`, of an index with these sites."""
        names = list(sites)
        found = {}
        for cell in saved["cells"]:
            batches = Batches(members(cell["batches"]), cell["tokens"])
            found.update(dict.fromkeys(names if cell["sites"] is None else cell["sites"], batches))
        return cls(
            saved["batches"],
            tuple(saved["borders"]),
            saved["finished"],
            saved["shard"],
            {name: found[name] for name in names},
        )


def progressions(numbers: Numbers) -> list[list[int]]:
    """A set of numbers as [start, stop, step], as few as a greedy search finds; equal sets give equal lists."""
    left = np.unique(numbers)
    found = []
    while len(left):
        step, count = _longest(left)
        start = int(left[0])
        run = start + step * np.arange(count)
        found.append([start, int(run[-1]) + 1, step])
        left = np.setdiff1d(left, run, assume_unique=True)
    return found


def members(runs: Sequence[Sequence[int]]) -> Numbers:
    """The numbers of progressions, ascending."""
    return np.unique(np.concatenate([NOTHING.numbers, *(np.arange(*run, dtype=np.int64) for run in runs)]))


def in_words(numbers: Numbers, most: int = 3) -> str:
    """Some numbers as people write them: `0, 1, 2 and 5 more`."""
    shown = ", ".join(map(str, numbers[:most].tolist()))
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"


def _longest(left: Numbers) -> tuple[int, int]:
    """The step and the length of the longest progression from the first number on; the smaller step of equal ones."""
    best = (1, 1)
    for step in _steps(left):
        run = np.arange(left[0], left[-1] + 1, step)
        inside = np.isin(run, left, assume_unique=True)
        count = len(run) if inside.all() else int(inside.argmin())
        if count > best[1]:
            best = (step, count)
    return best


def _steps(left: Numbers) -> Iterator[int]:
    yield from (left[1 : _STEPS + 1] - left[0]).tolist()
