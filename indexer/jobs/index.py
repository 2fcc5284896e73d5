"""Makes an index: runs text through a model into one file, resumably."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..database.bulk.arrays import ModelWeights, SiteArrays
from ..database.bulk.stored import StoredIndex
from ..database.read.weights_state import HOW_TO_ADD, HOW_TO_ADD_WIRING, weights_state
from ..disk import full_disk_told, write_json
from ..errors import GluscopeError
from ..forecast.estimate import demand_room
from ..index_file.coverage import Batches, Coverage
from ..index_file.identity import demand_same, difference
from ..index_file.provenance import TextRead, run_info
from ..index_file.run_info import stored_run
from ..index_file.site_arrays import SiteSample, site_arrays, site_samples
from ..index_file.write import write_index
from ..progress import Meter, Progress, Report
from ..run import checkpoint, checkpoint_file, join_processes
from ..run.accumulator import Run
from ..run.checkpoint_file import Mark
from ..run.finished_index import Base, finished_base, is_finished
from ..run.folder import clear, discard, hold, make, rank_folders, remove_empty
from ..run.interruption import KEEPING, STOPPING, stopping
from ..run.loop import Loop, Work
from ..run.output_file import unmade
from ..run.shards import Shard
from ..run.snapshots import Snapshots
from ..run.torchrun import Group
from ..sequences.sequences import Sequences
from ..sequences.spill import Texts, TextsWriter
from ..sequences.tokenizer import token_bytes
from ..settings import EVERY_TOKEN, ONE_A_SEQUENCE, Execution, Inputs, Settings
from ..sites import Site
from ..sites.weights import gate_in_dot
from ..statistics.choice import Engines
from ..weights.compute import missing, model_weights
from ..weights.model_wiring import model_wiring
from . import attention_sinks
from .attention_sinks import with_sinks
from .prepare import Job, Part, find_part, open_text, prepare, silent


def index(
    model: str,
    inputs: Inputs,
    db: Path,
    settings: Settings,
    execution: Execution,
    *,
    overwrite: bool = False,
    progress: Report = silent,
) -> Path:
    """Index a corpus with a model into the file `db`, and return its path.

    The same call again continues an unfinished run. If the index is finished, a notice says so, unless more `tokens`
    are asked for: then the run goes on. Started by torchrun, each process takes its batches and the first writes `db`.
    KeyboardInterrupt on SIGINT or SIGTERM, after a checkpoint. GluscopeError for every error that a user can fix; `db`
    is then unchanged.
    """
    part = find_part(db, execution)
    if not part.first:
        progress = silent
    there = part.file.there
    if overwrite:
        part.file.demand_writable()
    corpus = open_text(inputs, part, progress)
    folder = part.folder
    fresh = not folder.exists()
    notice = partial(_notice, progress)
    with full_disk_told(part.run_folder, lambda: _what_follows(part)), _held(part, notice):
        try:
            settings = replace(settings, draw=_draw(part, overwrite))
            job = prepare(model, corpus, part, settings, execution, progress)
            held = there and not overwrite and _is_finished(job)
            base = finished_base(part.db, job.identity, Shard() if part.group else part.shard) if held else None
            if base is None:
                demand_room(job.sites, job.settings, part.db.parent, corpus.size)
            _run(job, base, overwrite, snapshots=not there or not (held or overwrite))
        except BaseException:
            if fresh and not (folder / checkpoint_file.NAME).exists():
                _leave(folder, part.run_folder)
            raise
    return db


@contextmanager
def _held(part: Part, notice: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder of this process's state, after checking that the run's folder is gluscope's."""
    if part.group is not None:
        make(part.run_folder)
    if part.shard.name is not None and part.group is None:
        notice(f"this is shard {part.shard.name} of the text")
    with hold(part.folder, notice):
        yield


def _draw(part: Part, overwrite: bool) -> str:
    """What a sequence offers to `random`: the same as in the run or index that is continued."""
    if overwrite:
        return EVERY_TOKEN
    if (saved := checkpoint_file.read(part.folder)) is not None:
        settings = checkpoint_file.read_identity(part.folder, saved).index.settings
    elif part.db.exists():
        with StoredIndex(part.db) as stored:
            settings = stored_run(stored).identity.settings
    else:
        return EVERY_TOKEN
    return settings.draw


def _begins(job: Job) -> None:
    """Say what differs from a new run, once there is something to do."""
    if job.settings.draw == ONE_A_SEQUENCE and "random" in job.settings.rank_by:
        job.notice("random examples go on to be drawn one a sequence, as this index began")


def _notice(report: Report, message: str) -> None:
    report(Progress("notice", message=message))


def _what_follows(part: Part) -> str:
    """What running the same command will do once a full disk has room again."""
    if (part.folder / checkpoint_file.NAME).exists():
        return "run the same command again: it continues from the last checkpoint"
    return "run the same command again: it starts again, since no checkpoint was kept"


def _is_finished(job: Job) -> bool:
    """Whether the existing index is finished. GluscopeError if it is a snapshot that can't be continued."""
    if is_finished(job.db):
        return True
    if not (job.folder / checkpoint_file.NAME).exists():
        raise GluscopeError(
            f"{job.db} is a snapshot of a run whose state in {job.folder} is gone", "start again with --overwrite"
        )
    return False


def _run(job: Job, base: Base | None, overwrite: bool, *, snapshots: bool) -> None:
    """Read, run and write, starting from the last checkpoint or the finished index if there is one."""
    compiles = job.fuses()
    run = Run(job.loaded, job.sites, job.settings, Engines(compiles, job.notice))
    mark = _resume(job, run, overwrite)
    first = job.part.first
    if base is not None and not first:
        base = base.plan_only()
    with ExitStack() as stack:
        stop = stack.enter_context(stopping(partial(job.notice, STOPPING)))
        read = stack.enter_context(job.sequences())
        job = with_sinks(job, read, base)
        if mark is None:
            write_json(job.folder / checkpoint_file.IDENTITY, job.run_identity.to_json())
        run.left_out = job.left_out
        spill = stack.enter_context(TextsWriter(job.folder)) if first else None
        neurons = sum(site.width for site in job.sites)
        writer = Snapshots(
            lambda loop: _write_snapshot(job, run, loop, read, spill), neurons, always=job.execution.snapshot
        )
        work = Work(
            folder=job.folder,
            corpus=job.corpus,
            identity=job.identity,
            shard=job.part.shard,
            mark=mark,
            base=base,
            every=job.execution.checkpoint_every,
            kept=writer if snapshots and job.part.group is None else None,
            begins=partial(_begins, job),
            sinks=None if isinstance(job.sinks, str) else job.sinks,
        )
        loop = Loop(work, run, read, spill, job.report, stop)
        if compiles:
            job.report(Progress("starting", message="running the first batch, compiling what no run before has"))
        loop.run()
    if loop.nothing_left:
        job.notice(_nothing_left(job))
        _leave(job.folder, job.part.run_folder)
        return
    covered = loop.covered
    if job.part.group is not None:
        loop.save(finished=True)
        join_processes.wait(job.part.group)
        if not first:
            return
        covered = _join(job, run, job.part.group, covered, base, loop.batches)
    try:
        if stop.asked:
            raise KeyboardInterrupt
        weights = _weights(job, loop, base)
        _write(job, run, loop, read, covered, weights, finished=True)
    except (GluscopeError, OSError, KeyboardInterrupt):
        # the first error is the one to report
        with suppress(GluscopeError, OSError), stopping(partial(job.notice, KEEPING)):
            loop.save(finished=True)
        raise
    discard(job.part.run_folder)


def _nothing_left(job: Job) -> str:
    """The notice for a finished index, and how to add the weights if it lacks them."""
    said = f"{job.db} is finished: nothing is left to do"
    if not job.execution.weights or job.part.shard.index:  # they aren't wanted, or are in another part
        return said
    with StoredIndex(job.db) as stored:
        if weights_state(stored.info)["state"] == "missing":
            return f"{said}, but it has nothing of the model's weights: {HOW_TO_ADD}"
        if not stored.has_all_weights:
            return (
                f"{said}, but an older gluscope computed its weights: gluscope index --weights-only computes them anew"
            )
        if stored.lacks_wiring and job.execution.wiring:
            return f"{said}, but it has no wiring of neurons: {HOW_TO_ADD_WIRING}"
    return said


def _join(job: Job, run: Run, group: Group, covered: Batches, base: Base | None, total: int) -> Batches:
    """Merge the results of the other processes; returns the coverage of all."""
    job.notice(f"joining what {group.size} processes found")
    start = 0 if base is None else base.total
    for rank, mark in enumerate(join_processes.join(run, group, job.part.run_folder), start=1):
        numbers = np.arange(start, total)
        covered |= Batches(numbers[numbers % group.size == rank], mark.covered)
        _demand_same_sinks(job, group.folder(job.part.run_folder, rank))
        run.take_notices(mark.notices)
    return covered


def _demand_same_sinks(job: Job, folder: Path) -> None:
    """GluscopeError if another process of the run leaves out other attention sinks."""
    saved = checkpoint_file.read(folder)
    if saved is not None and (theirs := checkpoint_file.read_identity(folder, saved).index) != job.identity:
        found = difference(theirs, job.identity)
        raise GluscopeError(f"the process of {folder} can't be joined: {found}", "start again with --overwrite")


def _write_snapshot(job: Job, run: Run, loop: Loop, read: Sequences, spill: TextsWriter | None) -> None:
    assert spill is not None  # of a run without others
    spill.flush(sync=False)
    weights = missing("they are computed when the run ends")
    _write(job, run, loop, read, loop.covered, weights, finished=False)


def _weights(job: Job, loop: Loop, base: Base | None) -> ModelWeights:
    """The numbers of the weights: from the index that the run continues, or computed after a checkpoint."""
    if not job.execution.weights:
        return missing(f"left out; {HOW_TO_ADD}")
    if job.part.group is None and job.part.shard.index:
        return missing("the first part of the index holds them")
    wiring = job.execution.wiring
    kept = None
    if base is not None:
        with StoredIndex(base.path) as stored:
            found = stored.weights()
        kept = found if found.sites and not found.of_an_older_gluscope else None
    if kept is not None and not (kept.lacks_wiring and wiring):
        return kept
    if job.part.group is None:
        loop.save(finished=True)
    names = [site.address.name for site in job.sites]
    if kept is not None:
        return replace(kept, wiring=model_wiring(job.loaded, names, job.report))
    return model_weights(job.loaded, names, job.report, wiring)


def _write(
    job: Job, run: Run, loop: Loop, read: Sequences, covered: Batches, weights: ModelWeights, *, finished: bool
) -> None:
    """Write the index aside and put it in its place: finished, or a snapshot."""
    meter = Meter(job.report, "writing")
    total = sum(site.width for site in job.sites)
    coverage = Coverage(
        total=loop.batches if finished else None,
        borders=loop.borders,
        finished=finished,
        shard=job.part.shard.name if job.part.group is None else None,
        sites={site.address.name: covered for site in job.sites},
    )
    text = TextRead(
        read.documents,
        loop.sequences,
        loop.tokens,
        read.identity.hexdigest(),
        *job.around,
        conversations=read.conversations,
        roles=tuple(sorted(read.roles)),
    )
    info = run_info(job.loaded, job.layers, job.corpus, text, job.identity, coverage, loop.seconds, run.notices)
    info["sinks"] = attention_sinks.info(job.sinks, loop.sink_positions)
    if finished and job.part.group is None and (share := loop.share_of_bare()) is not None:
        info["run"]["share_of_bare"] = round(share, 2)
    samples = site_samples(run.states, run.sample, job.sites)
    made = unmade(job.folder / "index.db")
    with Texts(job.folder) as texts:
        write_index(
            made,
            _site_arrays(run, job.sites, samples, most=covered.tokens + loop.sequences),
            {sample.id: sample.positions for sample in samples.values()},
            texts,
            partial(token_bytes, job.loaded.tokenizer),
            info,
            lambda neurons: meter.update(neurons, total, "writing neurons"),
            weights,
        )
    job.part.file.put(made)


def _site_arrays(
    run: Run, sites: Sequence[Site], samples: Mapping[str, SiteSample], *, most: int
) -> Iterator[SiteArrays]:
    """The results of a run, site by site. GluscopeError if a site counted more than `most` tokens: those of the text,
    and one for each sequence, which a decoder may begin with."""
    for site in sites:
        state = run.states[site.address.name]
        if state.tokens_counted > most:
            raise GluscopeError(
                f"{site.address.name} counted {state.tokens_counted:,} of {most:,} tokens: the run's state is damaged",
                "start again with --overwrite",
            )
        yield site_arrays(
            state,
            address=site.address,
            activation=site.activation,
            adapter=site.adapter,
            identity_error=run.proof_error(site.address.name),
            dot_gate_in=gate_in_dot(site),
            sample_order=samples[site.address.name].order,
            sample_id=samples[site.address.name].id,
        )


def _resume(job: Job, run: Run, overwrite: bool) -> Mark | None:
    """Continue from the run folder's checkpoint, if it is of the same run."""
    _refuse_others(job, overwrite)
    if overwrite and not _can_continue(job):
        clear(job.folder)
    _demand_same_run(job)
    with checkpoint.reading(job.folder) as saved:
        if saved is not None:
            run.restore(saved)
            job.notice(f"continuing after {saved.mark.tokens:,} tokens")
            return saved.mark
    clear(job.folder)
    return None


def _demand_same_run(job: Job) -> None:
    """GluscopeError if the run folder's checkpoint is of another run, or can't be read."""
    if (saved := checkpoint_file.read(job.folder)) is not None:
        demand_same(
            checkpoint_file.read_identity(job.folder, saved),
            job.run_identity,
            f"the unfinished run in {job.folder}",
            "give its settings to continue it, or start again with --overwrite",
        )


def _can_continue(job: Job) -> bool:
    """Whether the run folder has no checkpoint, or one of the same run that can be read."""
    try:
        _demand_same_run(job)
        with checkpoint.reading(job.folder):
            return True
    except GluscopeError:
        return False


def _refuse_others(job: Job, overwrite: bool) -> None:
    """GluscopeError if the run folder holds a run of one process and this is one of several, or the reverse."""
    folder = job.part.run_folder
    alone = job.part.group is None
    others = rank_folders(folder) if alone else [folder / checkpoint_file.NAME]
    if not any(other.exists() for other in others):
        return
    if not overwrite:
        begun = "several processes (torchrun), not one" if alone else "one process, not by several"
        raise GluscopeError(
            f"the unfinished run in {folder} was begun by {begun}",
            "start it as before to continue, or start again with --overwrite",
        )
    for other in others:
        discard(other) if other.is_dir() else other.unlink(missing_ok=True)


def _leave(folder: Path, of: Path) -> None:
    """Remove the state of this process, and the run folder if no other process has its state there."""
    discard(folder)
    remove_empty(of)
