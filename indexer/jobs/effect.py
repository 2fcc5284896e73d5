"""Measures what neurons do in their quadrants: from the command's options to its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..database.reader import Index
from ..live.effect.kept_rows import KeptRows, text_identity
from ..live.effect.opening import Source, demand_causal, open_effects
from ..live.effect.request import Request, Target
from ..live.effect.result import Effect
from ..live.effect.rows import Effects
from ..live.model import Choice, open_model
from ..progress import Meter, Progress, Report


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked: rows, how they are measured, and on which text."""

    targets: tuple[Target, ...]
    request: Request
    source: Source


def effect(index: Index | None, choice: Choice, job: Job, out: Path | None, progress: Report) -> Iterator[Effect]:
    """The rows, in the order of the targets, a group of them as soon as it is measured.

    With `out` they are kept in a file, and those that it has aren't measured again. GluscopeError for every error that
    a user can fix.
    """
    if index is not None:
        demand_causal(index.info())
    live = open_model(None if index is None else index.info(), choice, progress)
    effects = open_effects(
        live, index, job.request, job.source, lambda message: progress(Progress("notice", message=message))
    )
    effects.demand(job.targets)
    settings = identity(effects, index, job)
    with nullcontext() if out is None else KeptRows(out, settings) as kept:
        yield from _rows(effects, job.targets, kept, progress)


def identity(effects: Effects, index: Index | None, job: Job) -> dict[str, Any]:
    """What must be the same for rows to belong together."""
    loaded = effects.live.loaded
    text = effects.text
    return {
        **job.request.as_dict(),
        "model": loaded.fingerprint,
        "dtype": loaded.dtype,
        "over": effects.over,
        "text": None if text is None else text_identity(text.sequences),
        "index": None if index is None else index.info().corpus.get("hash"),
        "count first": effects.live.settings.count_first,
    }


def _rows(effects: Effects, targets: Sequence[Target], kept: KeptRows | None, progress: Report) -> Iterator[Effect]:
    have = {} if kept is None else kept.rows
    effects.alone.remember(have.values())
    left = [target for target in targets if target.key not in have]
    if kept is not None and len(left) < len(targets):
        number = len(targets) - len(left)
        progress(Progress("notice", message=f"{kept.path} has {number:,} of {len(targets):,} rows already"))
    made = _measured(effects, left, kept, progress)
    ready: dict[tuple[str, str], Effect] = {}
    for target in targets:
        while target.key not in have and target.key not in ready:
            ready |= {(row.neuron, row.quadrant): row for row in next(made)}
        yield ready.pop(target.key) if target.key in ready else have[target.key]


def _measured(
    effects: Effects, targets: Sequence[Target], kept: KeptRows | None, progress: Report
) -> Iterator[list[Effect]]:
    """The groups of targets, measured and kept."""
    meter = Meter(progress, "measuring")
    finished = runs = 0
    for group in effects.groups(targets):
        left = len(targets) - finished - len(group)
        row = f"measuring row {finished + 1:,} of {len(targets):,}, runs of a sequence:"

        def done(some: int, total: int, before: int = runs, left: int = left, row: str = row) -> None:
            later = round(total * left / len(group))  # noqa: B023  # called while this group is measured
            meter.update(before + some, before + total + later, row)
            nonlocal runs
            runs = before + some

        rows = effects.measure(group, done)
        finished += len(group)
        if kept is not None:
            kept.add(rows)
        yield rows
