"""Making an index: text through a model into one file, resumably."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from . import checkpoint, distributed
from .base import Base, finished_base, is_finished
from .checkpoint import Mark
from .corpus import Corpus, open_corpus
from .coverage import Batches, Coverage
from .database.arrays import Int64, SiteArrays
from .errors import GluscopeError
from .finish import site_arrays
from .group import Group, find_group
from .identity import Identity, demand_same, difference, identity, resolve
from .interruption import stopping
from .loop import Loop
from .models import LoadedModel, load
from .output import check_output, discard, disk_errors, hold, run_folder, write_json
from .progress import Meter, Progress, Report
from .proof import prove_forms
from .provenance import TextRead, run_info
from .reduction import Fuser
from .run import Run
from .sequences import Sequences, sequences
from .settings import Execution, Inputs, Settings
from .shards import Shard, parse_shard
from .sites import Site, find_sites, select
from .snapshots import Snapshots
from .texts import Texts, TextsWriter
from .tokens import bos_id, text_encoder, token_bytes
from .weights import gate_in_dot
from .write import SamplePositions, write_index

FUSE_FROM = 500_000_000
"""Tokens times neurons from which compiling, some 15 s, is worth its time: unfused they take 20 to 30 ns more each."""


def _silent(_progress: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _Job:
    """One call of `index`, resolved."""

    db: Path
    folder: Path  # of this process's state
    corpus: Corpus
    loaded: LoadedModel
    layers: int  # that the model has with a gated MLP
    sites: tuple[Site, ...]
    settings: Settings
    execution: Execution
    shard: Shard
    group: Group | None
    report: Report
    identity: Identity

    def sequences(self) -> Sequences:
        bos = bos_id(self.loaded.tokenizer, self.settings.bos)
        return sequences(self.corpus, text_encoder(self.loaded.tokenizer), self.settings, bos)

    def notice(self, message: str) -> None:
        self.report(Progress("notice", message=message))

    @property
    def run_identity(self) -> Identity:
        """What an unfinished run is known by."""
        alone = self.group is None
        own = {"shard": self.shard.name if alone else None, "processes": self.group.size if self.group else None}
        return {**self.identity, **own}


def index(
    model: str,
    inputs: Inputs,
    db: Path,
    settings: Settings,
    execution: Execution,
    *,
    overwrite: bool = False,
    progress: Report = _silent,
) -> Path:
    """Index a corpus with a model into the file `db`, and return its path.

    The same call again continues an unfinished run; on a finished index it says so in a notice, or goes on where more
    `tokens` are asked for. Started by torchrun, each process takes its batches and the first one writes `db`.
    KeyboardInterrupt on SIGINT or SIGTERM, after a checkpoint. GluscopeError for everything a user can mend; then `db`
    is as it was.
    """
    group = find_group(os.environ)
    if group is not None and execution.shard is not None:
        raise GluscopeError("--shard can't be given under torchrun", "leave it out: each process takes its part")
    shard = parse_shard(execution.shard, os.environ) if group is None else group.shard
    if group is not None and not group.first:
        progress = _silent
    there = check_output(db)
    folder = run_folder(db) if group is None else group.folder(run_folder(db))
    corpus = open_corpus(
        inputs.paths,
        column=inputs.column,
        dataset=inputs.dataset,
        config=inputs.config,
        split=inputs.split,
        skip=(db, run_folder(db)),
        notice=lambda message: progress(Progress("notice", message=message)),
    )
    fresh = not folder.exists()
    with hold(folder), disk_errors(run_folder(db)):
        try:
            job = _prepare(model, corpus, db, folder, settings, execution, shard, group, progress)
            held = there and not overwrite and _is_finished(job)
            base = finished_base(db, job.identity, Shard() if group else shard) if held else None
            _run(job, base, overwrite, snapshots=not there or not (held or overwrite))
        except BaseException:
            if fresh and not (folder / "checkpoint.json").exists():
                _leave(folder, run_folder(db))
            raise
    return db


def _prepare(
    model: str,
    corpus: Corpus,
    db: Path,
    folder: Path,
    settings: Settings,
    execution: Execution,
    shard: Shard,
    group: Group | None,
    report: Report,
) -> _Job:
    """Load the model, find its sites and resolve the settings."""
    report(Progress("loading", message=f"loading {model}"))
    loaded = load(
        model,
        dtype=settings.dtype,
        revision=settings.revision,
        device=execution.device if group is None else group.device(execution.device),
        device_map=execution.device_map,
        trust_remote_code=execution.trust_remote_code,
    )
    found = find_sites(loaded.model)
    sites = select(found, settings.layers)
    prove_forms(sites)
    settings = resolve(settings, loaded, settings.layers)
    return _Job(
        db=db,
        folder=folder,
        corpus=corpus,
        loaded=loaded,
        layers=1 + max(site.address.layer for site in found),
        sites=sites,
        settings=settings,
        execution=execution,
        shard=shard,
        group=group,
        report=report,
        identity=identity(settings, loaded),
    )


def _is_finished(job: _Job) -> bool:
    """Whether the index that is there is finished; GluscopeError where it is a snapshot that can't go on."""
    if is_finished(job.db):
        return True
    if not (job.folder / "checkpoint.json").exists():
        raise GluscopeError(
            f"{job.db} is a snapshot of a run whose state in {job.folder} is gone", "start anew with --overwrite"
        )
    return False


def _run(job: _Job, base: Base | None, overwrite: bool, *, snapshots: bool) -> None:
    """Read, run and write; from the last checkpoint or the finished index on, if there is one."""
    run = Run(job.loaded, job.sites, job.settings, Fuser(_compile(job), job.notice))
    mark = _resume(job, run, overwrite)
    first = job.group is None or job.group.first
    if base is not None and not first:
        base = base.plan_only()
    with ExitStack() as stack:
        stop = stack.enter_context(stopping())
        read = stack.enter_context(job.sequences())
        spill = stack.enter_context(TextsWriter(job.folder)) if first else None
        neurons = sum(site.width for site in job.sites)
        writer = Snapshots(
            lambda loop: _write_snapshot(job, run, loop, read, spill), neurons, always=job.execution.snapshot
        )
        loop = Loop(
            job.folder,
            run,
            read,
            spill,
            corpus=job.corpus,
            identity=job.identity,
            shard=job.shard,
            mark=mark,
            base=base,
            every=job.execution.checkpoint_every,
            report=job.report,
            stop=stop,
            kept=writer if snapshots and job.group is None else None,
        )
        loop.run()
    if loop.nothing_left:
        job.notice(f"{job.db} is finished: nothing is left to do")
        _leave(job.folder, run_folder(job.db))
        return
    covered = loop.covered
    if job.group is not None:
        loop.save(finished=True)
        distributed.wait(job.group)
        if not first:
            return
        covered = _join(job, run, job.group, covered, base, loop.batches)
    try:
        _write(job, run, loop, read, covered, finished=True)
    except (GluscopeError, OSError, KeyboardInterrupt):
        with suppress(GluscopeError, OSError):  # the first error is the one to tell
            loop.save(finished=True)
        raise
    discard(run_folder(job.db))


def _join(job: _Job, run: Run, group: Group, covered: Batches, base: Base | None, total: int) -> Batches:
    """Take in what the other processes found; what all of them cover."""
    job.notice(f"joining what {group.size} processes found")
    start = 0 if base is None else base.total
    for rank, mark in enumerate(distributed.join(run, group, run_folder(job.db)), start=1):
        numbers = np.arange(start, total)
        covered |= Batches(numbers[numbers % group.size == rank], mark.covered)
        run.notices += mark.notices
    return covered


def _write_snapshot(job: _Job, run: Run, loop: Loop, read: Sequences, spill: TextsWriter | None) -> None:
    assert spill is not None  # of a run without others
    spill.flush(sync=False)
    _write(job, run, loop, read, loop.covered, finished=False)


def _write(job: _Job, run: Run, loop: Loop, read: Sequences, covered: Batches, *, finished: bool) -> None:
    """Write the index aside and put it in its place: finished, or a snapshot."""
    meter = Meter(job.report, "writing")
    total = sum(site.width for site in job.sites)
    coverage = Coverage(
        total=loop.batches if finished else None,
        borders=loop.borders,
        finished=finished,
        shard=job.shard.name if job.group is None else None,
        sites={site.address.name: covered for site in job.sites},
    )
    bos = bos_id(job.loaded.tokenizer, job.settings.bos)
    text = TextRead(read.documents, loop.sequences, loop.tokens, read.identity.hexdigest(), bos)
    info = run_info(job.loaded, job.layers, job.corpus, text, job.identity, coverage, loop.seconds, run.notices)
    order = run.sample.order()
    made = job.folder / "index.db"
    made.unlink(missing_ok=True)
    with Texts(job.folder) as texts:
        write_index(
            made,
            _site_arrays(run, job.sites, order),
            {0: SamplePositions(run.sample.sequence[order], run.sample.position[order])},
            texts,
            partial(token_bytes, job.loaded.tokenizer),
            info,
            lambda neurons: meter.update(neurons, total, "writing neurons"),
        )
    os.replace(made, job.db)


def _site_arrays(run: Run, sites: Sequence[Site], order: Int64) -> Iterator[SiteArrays]:
    """What a run found, site by site."""
    for site in sites:
        yield site_arrays(
            run.states[site.address.name],
            address=site.address,
            activation=site.activation,
            adapter=site.adapter,
            identity_error=run.identity_errors.get(site.address.name),
            dot_gate_in=gate_in_dot(site),
            sample_order=order,
            sample_id=0,
        )


def _compile(job: _Job) -> bool:
    """Whether to fuse the statistics: where there is a compiler, and work enough to make up for its time."""
    if job.execution.compile != "auto":
        return job.execution.compile == "on"
    if job.loaded.device != "cpu":
        return job.loaded.device.startswith("cuda")
    expected = [n for n in (job.settings.tokens, job.corpus.size and job.corpus.size // 4) if n is not None]
    if expected and min(expected) * sum(site.width for site in job.sites) < FUSE_FROM:
        return False
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if compiler is None:
        job.notice("no C++ compiler is there to fuse the statistics: they take longer")
    return compiler is not None


def _resume(job: _Job, run: Run, overwrite: bool) -> Mark | None:
    """Go on from the run folder's checkpoint, if it is of the same run."""
    path = job.folder / "identity.json"
    _refuse_others(job, overwrite)
    if overwrite and not (_same_run(path, job.run_identity) and checkpoint.is_readable(job.folder)):
        _clear(job.folder)
    with checkpoint.reading(job.folder) as saved:
        if saved is None:
            _clear(job.folder)
            write_json(path, job.run_identity)
            return None
        demand_same(
            checkpoint.read_json(path),
            job.run_identity,
            f"the unfinished run in {job.folder}",
            "give its settings to continue it, or start anew with --overwrite",
        )
        run.restore(saved)
        job.notice(f"continuing after {saved.mark.tokens:,} tokens")
        return saved.mark


def _refuse_others(job: _Job, overwrite: bool) -> None:
    """GluscopeError where the run folder holds a run of one process and this is one of several, or the reverse."""
    folder = run_folder(job.db)
    alone = job.group is None
    others = list(folder.glob("rank-*")) if alone else [folder / "checkpoint.json"]
    if not any(other.exists() for other in others):
        return
    if not overwrite:
        begun = "several processes (torchrun), not one" if alone else "one process, not by several"
        raise GluscopeError(
            f"the unfinished run in {folder} was begun by {begun}",
            "start it as before to continue it, or start anew with --overwrite",
        )
    for other in others:
        shutil.rmtree(other) if other.is_dir() else other.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove all that an earlier run left but for its lock."""
    for old in folder.glob("*"):
        if old.name != "lock":
            old.unlink()


def _leave(folder: Path, of: Path) -> None:
    """Remove the state of this process, and the run folder if no other process has its state there."""
    discard(folder)
    with suppress(OSError):
        of.rmdir()


def _same_run(path: Path, now: Identity) -> bool:
    return path.exists() and difference(checkpoint.read_json(path), now) is None
