"""Estimates a run's cost by running a few of its batches and small parts of the final steps; writes no index."""

from __future__ import annotations

import time
from functools import partial
from itertools import chain
from pathlib import Path

from ..forecast.estimate import Forecast, demand_room, forecast, measure, memory_free, state_bytes
from ..forecast.final_steps import Kept, weights_seconds, writing_seconds
from ..progress import Progress, Report
from ..run.accumulator import Run
from ..run.expected import expected_tokens
from ..sequences.batches import plan
from ..sequences.roles import none_so_far
from ..settings import DROP_SINKS, Execution, Inputs, Settings
from ..statistics.choice import Engines
from .attention_sinks import with_sinks
from .prepare import find_part, open_text, prepare, silent


def dry_run(
    model: str, inputs: Inputs, db: Path, settings: Settings, execution: Execution, *, progress: Report = silent
) -> Forecast:
    """Load the model, run some batches, and estimate the cost of indexing the corpus into `db`.

    The speed is that at the start of a run, while every list still fills. GluscopeError as from `index`.
    """
    begun = time.monotonic()
    part = find_part(db, execution)
    report = progress if part.first else silent
    corpus = open_text(inputs, part, report)
    job = prepare(model, corpus, part, settings, execution, report)
    loading = time.monotonic() - begun
    demand_room(job.sites, job.settings, db.parent, corpus.size)
    free = {device: memory_free(device) for device in state_bytes(job.sites, job.settings)}
    run = Run(job.loaded, job.sites, job.settings, Engines(job.fuses(), job.notice))
    batch_tokens = job.settings.batch_tokens
    assert batch_tokens is not None  # resolved
    kept = Kept()
    report(Progress("indexing", message="running some batches"))
    with job.sequences() as read:
        if job.settings.sinks == DROP_SINKS:
            run.left_out = with_sinks(job, read, None).left_out
        batches = plan(read, batch_tokens, alike=job.loaded.alike)
        first = next(batches)  # even for a part that has no batch of its own
        if (unheard := none_so_far(job.settings.roles, read)) is not None:
            job.notice(unheard)
        own = (batch for batch in chain([first], batches) if part.shard.takes(batch.number) or batch is first)
        rate, starting = measure(run, kept.passing(own))
        expected = expected_tokens(read, corpus, job.settings.tokens)
        length = read.tokens / read.sequences
    report(Progress("weights", message="comparing some weights"))
    weighs = execution.weights and not (part.group is None and part.shard.index)  # another part holds them
    weights = weights_seconds(job.loaded, job.sites, wiring=execution.wiring) if weighs else (0.0, 0.0)
    report(Progress("writing", message="trying to write"))
    return forecast(
        job.sites,
        job.settings,
        db.parent,
        free=free,
        expected=expected,
        share=part.shard.count,
        length=length,
        tokens_per_second=rate,
        loading_seconds=loading,
        starting_seconds=starting,
        weights_seconds=weights,
        writing_seconds=partial(writing_seconds, run, job.loaded, job.sites, job.settings.window, kept),
    )
