"""Measures what neurons do in their quadrants: from the command's options to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..database.reader import Index
from ..live.effect.contexts import Contexts
from ..live.effect.kept_part import KeptPart
from ..live.effect.kept_rows import KeptRows
from ..live.effect.measures import Tally
from ..live.effect.opening import Source, demand_causal, open_effects, open_source
from ..live.effect.request import Request, Target
from ..live.effect.result import Effect
from ..live.effect.rows import Effects
from ..live.model import Choice, open_model, settings_of
from ..progress import Meter, Progress, Report
from ..sequences.sequences import CorpusHash, TokenSequence


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked: rows, how they are measured, and on which text."""

    targets: tuple[Target, ...]
    request: Request
    source: Source


def effect(index: Index | None, choice: Choice, job: Job, out: Path | None, progress: Report) -> Iterator[Effect]:
    """The rows, in the order of the targets, a group of them as soon as it is measured.

    With `out` they are kept in a file, and those that it has aren't measured again; what is measured of the others is
    kept beside it until they are finished. GluscopeError for every error that a user can fix.
    """
    if index is not None:
        demand_causal(index.info())
    corpus = open_source(index, job.source)
    known = known_identity(index, choice, job)
    with nullcontext() if out is None else KeptRows(out, known) as kept:
        if kept is not None and {"model", "text"} <= known.keys() and all(one.key in kept.rows for one in job.targets):
            kept.demand(known)
            _tell_kept(kept, job.targets, progress)
            _unfinished(KeptPart(kept.path, known), kept)
            yield from (kept.rows[target.key] for target in job.targets)
            return
        live = open_model(None if index is None else index.info(), choice, progress)

        def notice(message: str) -> None:
            progress(Progress("notice", message=message))

        effects = open_effects(live, index, job.request, job.source, notice, corpus)
        effects.demand(job.targets)
        if kept is not None:
            kept.demand(identity(effects, index, job))
        yield from _rows(effects, job.targets, kept, progress)


def known_identity(index: Index | None, choice: Choice, job: Job) -> dict[str, Any]:
    """What is known of `identity` before the model is loaded; all of it if "model" and "text" are."""
    source = job.source
    known: dict[str, Any] = {**job.request.as_dict(), "index": None}
    if source.given:
        known["over"] = "text" if source.prompt is None else "prompt"
    if index is None:
        return known
    info = index.info()
    known |= {"index": info.corpus.get("hash"), "count first": settings_of(info).count_first}
    dtype, weights = info.model.get("dtype"), info.model.get("fingerprint")
    if dtype and weights and choice.dtype in ("auto", dtype):
        known |= {"model": weights, "dtype": dtype}
    if not source.given and (kinds := Contexts(index, job.request.contexts, job.request.signs).kinds):
        known |= {"over": kinds[0], "text": None}
    return known


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


def text_identity(sequences: Iterable[TokenSequence]) -> str:
    """The identity of a text, as the model reads it."""
    found = CorpusHash()
    for sequence in sequences:
        found.add(sequence)
    return found.hexdigest()


def _rows(effects: Effects, targets: Sequence[Target], kept: KeptRows | None, progress: Report) -> Iterator[Effect]:
    have = {} if kept is None else kept.rows
    effects.alone.remember(have.values())
    left = [target for target in targets if target.key not in have]
    part = None
    if kept is not None:
        _tell_kept(kept, targets, progress)
        part = KeptPart(kept.path, kept.settings)
        effects.under_way = _unfinished(part, kept, effects.tokens)
        if effects.under_way and left:
            progress(Progress("notice", message=f"{part.path} has what was measured of unfinished rows"))
    made = _measured(effects, left, kept, part, progress)
    ready: dict[tuple[str, str], Effect] = {}
    for target in targets:
        while target.key not in have and target.key not in ready:
            ready |= {(row.neuron, row.quadrant): row for row in next(made)}
        yield ready.pop(target.key) if target.key in ready else have[target.key]


def _tell_kept(kept: KeptRows, targets: Sequence[Target], progress: Report) -> None:
    if number := sum(target.key in kept.rows for target in targets):
        progress(Progress("notice", message=f"{kept.path} has {number:,} of {len(targets):,} rows already"))


def _unfinished(part: KeptPart, kept: KeptRows, tokens: int | None = None) -> dict[str, Tally]:
    """What is measured of rows that aren't finished. What a kill left of finished ones is removed."""
    begun = part.read(tokens)
    left = {name: tally for name, tally in begun.items() if tuple(name.split(" ")[:2]) not in kept.rows}
    if len(left) < len(begun):
        part.keep(left, at_once=True)
    return left


def _measured(
    effects: Effects, targets: Sequence[Target], kept: KeptRows | None, part: KeptPart | None, progress: Report
) -> Iterator[list[Effect]]:
    """The groups of targets, measured and kept."""
    meter = Meter(progress, "measuring")
    meter.begin(sum(len(tally.sequences) for tally in effects.under_way.values()))
    finished = runs = 0
    for group in effects.groups(targets):
        left = len(targets) - finished - len(group)
        row = f"measuring {_rows_of(finished, len(group))} of {len(targets):,}, runs of a sequence:"

        def done(some: int, total: int, before: int = runs, left: int = left, row: str = row) -> None:
            later = round(total * left / len(group))  # noqa: B023  # called while this group is measured
            meter.update(before + some, before + total + later, row)
            nonlocal runs
            runs = before + some
            if part is not None:
                part.keep(effects.under_way)

        rows = effects.measure(group, done)
        finished += len(group)
        if kept is not None:
            kept.add(rows)
        if part is not None:
            part.keep(effects.under_way, at_once=True)
        yield rows


def _rows_of(before: int, number: int) -> str:
    """The rows that are measured at once."""
    return f"row {before + 1:,}" if number == 1 else f"rows {before + 1:,} to {before + number:,}"
