"""Making an index: text through a model into one file, resumably."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import __version__, checkpoint
from .checkpoint import Mark
from .corpus import Corpus, open_corpus
from .database.reader import Index
from .errors import GluscopeError
from .identity import Identity, demand_same, difference, identity, resolve
from .interruption import Stop, stopping
from .models import LoadedModel, load
from .output import check_output, discard, disk_errors, hold, run_folder, write_json
from .plan import Batch, plan
from .progress import Meter, Progress, Report
from .proof import prove_forms
from .reduction import Fuser
from .run import Run
from .sequences import Sequences, sequences
from .settings import Execution, Inputs, Settings
from .sites import Site, find_sites, select
from .texts import Texts, TextsWriter
from .tokens import bos_id, text_encoder
from .write import write_index

CHECKPOINT_SECONDS = 180.0
CHECKPOINT_COST = 30.0
"""By default a checkpoint is written this many times its own cost after the last one, or later."""

_SOFTWARE = ("torch", "transformers", "tokenizers", "gguf", "safetensors", "numpy", "sqlite-utils")


def _silent(_progress: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _Job:
    """One call of `index`, resolved."""

    db: Path
    folder: Path
    inputs: Inputs
    corpus: Corpus
    loaded: LoadedModel
    layers: int  # that the model has with a gated MLP
    sites: tuple[Site, ...]
    settings: Settings
    execution: Execution
    report: Report
    identity: Identity

    def sequences(self) -> Sequences:
        bos = bos_id(self.loaded.tokenizer, self.settings.bos)
        return sequences(self.corpus, text_encoder(self.loaded.tokenizer), self.settings, bos)

    def notice(self, message: str) -> None:
        self.report(Progress("notice", message=message))


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

    The same call again continues an unfinished run; on a finished index it says so in a notice. KeyboardInterrupt on
    SIGINT or SIGTERM, after a checkpoint. GluscopeError for everything a user can mend; then `db` is as it was.
    """
    there = check_output(db)
    folder = run_folder(db)
    corpus = open_corpus(
        inputs.paths,
        column=inputs.column,
        dataset=inputs.dataset,
        config=inputs.config,
        split=inputs.split,
        skip=(db, folder),
        notice=lambda message: progress(Progress("notice", message=message)),
    )
    fresh = not folder.exists()
    with hold(folder), disk_errors(folder):
        try:
            job = _prepare(model, inputs, corpus, db, settings, execution, progress)
            if there and not overwrite and _is_the_same(job):
                job.notice(f"{db} is finished: nothing is left to do")
                discard(folder)
                return db
            _run(job, overwrite)
        except BaseException:
            if fresh and not (folder / "checkpoint.json").exists():
                discard(folder)
            raise
        discard(folder)
    return db


def _prepare(
    model: str,
    inputs: Inputs,
    corpus: Corpus,
    db: Path,
    settings: Settings,
    execution: Execution,
    report: Report,
) -> _Job:
    """Load the model, find its sites and resolve the settings."""
    report(Progress("loading", message=f"loading {model}"))
    loaded = load(
        model,
        dtype=settings.dtype,
        revision=settings.revision,
        device=execution.device,
        device_map=execution.device_map,
        trust_remote_code=execution.trust_remote_code,
    )
    found = find_sites(loaded.model)
    sites = select(found, settings.layers)
    prove_forms(sites)
    settings = resolve(settings, loaded, settings.layers)
    return _Job(
        db=db,
        folder=run_folder(db),
        inputs=inputs,
        corpus=corpus,
        loaded=loaded,
        layers=1 + max(site.address.layer for site in found),
        sites=sites,
        settings=settings,
        execution=execution,
        report=report,
        identity=identity(settings, loaded),
    )


def _is_the_same(job: _Job) -> bool:
    """Whether the finished index is the one that the job would make; GluscopeError naming the difference if not."""
    fix = "replace it with --overwrite, or name another file with --db"
    with Index(job.db) as made:
        info = made.info()
    what = f"{job.db} is finished, but"
    before = info.run.get("identity", {})
    if (found := difference(before, job.identity)) is not None:
        raise GluscopeError(f"{what} {found}", fix)
    with job.sequences() as read:
        for _ in read:
            pass
        if read.identity.hexdigest() != info.corpus.get("hash"):
            raise GluscopeError(f"{what} it was made from other text", fix)
    return True


def _run(job: _Job, overwrite: bool) -> None:
    """Read, run and write; from the last checkpoint on if there is one."""
    run = Run(job.loaded, job.sites, job.settings, Fuser(_compile(job), job.notice))
    mark = _resume(job, run, overwrite)
    started = time.monotonic() - (mark.seconds if mark else 0.0)
    with stopping() as stop, job.sequences() as read, TextsWriter(job.folder) as spill:
        loop = _Loop(job, run, read, spill, stop, mark, started)
        loop.run()
    seconds = time.monotonic() - started
    with Texts(job.folder) as texts:
        made = job.folder / "index.db"
        made.unlink(missing_ok=True)
        meter = Meter(job.report, "writing")
        total = sum(site.width for site in job.sites)
        write_index(
            made,
            run,
            job.sites,
            texts,
            job.loaded.tokenizer,
            _info(job, read, loop, seconds),
            lambda neurons: meter.update(neurons, total, "writing neurons"),
        )
        os.replace(made, job.db)


def _compile(job: _Job) -> bool:
    """Whether to fuse the statistics: it pays after some seconds, where there is a compiler."""
    if job.execution.compile != "auto":
        return job.execution.compile == "on"
    if job.loaded.device != "cpu":
        return job.loaded.device.startswith("cuda")
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if compiler is None:
        job.notice("no C++ compiler is there to fuse the statistics: they take longer")
    return compiler is not None


def _resume(job: _Job, run: Run, overwrite: bool) -> Mark | None:
    """Go on from the run folder's checkpoint, if it is of the same run."""
    path = job.folder / "identity.json"
    saved = checkpoint.load(job.folder) if not overwrite or _same_run(path, job.identity) else None
    if saved is None:
        for old in job.folder.glob("*"):
            if old.name != "lock":
                old.unlink()
        write_json(path, job.identity)
        return None
    demand_same(
        checkpoint.read_json(path),
        job.identity,
        f"the unfinished run in {job.folder}",
        "give its settings to continue it, or start anew with --overwrite",
    )
    mark, tensors = saved
    run.restore(tensors)
    job.notice(f"continuing after {mark.tokens:,} tokens")
    return mark


def _same_run(path: Path, now: Identity) -> bool:
    return path.exists() and difference(checkpoint.read_json(path), now) is None


class _Loop:
    """Feeds a run with the batches of the plan, and keeps its checkpoints."""

    def __init__(
        self,
        job: _Job,
        run: Run,
        read: Sequences,
        spill: TextsWriter,
        stop: Stop,
        mark: Mark | None,
        started: float,
    ) -> None:
        self._job = job
        self._run = run
        self._read = read
        self._spill = spill
        self._stop = stop
        self._mark = mark
        self._started = started
        self._chain = hashlib.blake2b(digest_size=16)
        self._meter = Meter(job.report, "indexing")
        self._saved_at = time.monotonic()
        self._save_cost = 0.0
        self.batches = 0
        self.sequences = 0
        self.tokens = 0

    def run(self) -> None:
        batch_tokens = self._job.settings.batch_tokens
        assert batch_tokens is not None  # resolved
        for batch in plan(self._spilled(), batch_tokens):
            self._chain.update(_digest(batch.sequences))
            if self._mark is not None and batch.number < self._mark.batches:
                self._pass(batch)
                if batch.number == self._mark.batches - 1 and self._chain.hexdigest() != self._mark.chain:
                    raise self._changed()
                continue
            self._run.process(batch)
            self._pass(batch)
            self._meter.update(self.tokens, self._total(), "indexing tokens")
            self._keep()
        if self._mark is not None and self.batches < self._mark.batches:
            raise self._changed()

    def _pass(self, batch: Batch) -> None:
        self.batches = batch.number + 1
        self.sequences += len(batch.sequences)
        self.tokens += batch.tokens

    def _spilled(self) -> Iterator[Any]:
        for sequence in self._read:
            self._spill.add(sequence)
            yield sequence

    def _changed(self) -> GluscopeError:
        return GluscopeError(
            f"the text has changed since the run in {self._job.folder} began",
            "give it the same text to continue (standard input: the same again), or start anew with --overwrite",
        )

    def _total(self) -> int | None:
        """Tokens of the whole corpus, estimated from the bytes read while it is still being read."""
        asked = self._job.settings.tokens
        corpus = self._job.corpus
        if self._read.finished:
            return self._read.tokens
        if corpus.size and corpus.bytes_read:
            estimate = int(self._read.tokens * corpus.size / corpus.bytes_read)
            return estimate if asked is None else min(estimate, asked)
        return asked

    def _keep(self) -> None:
        """Write a checkpoint if it is time, or if the run is to stop."""
        every = self._job.execution.checkpoint_every
        if every is None:
            every = max(CHECKPOINT_SECONDS, CHECKPOINT_COST * self._save_cost)
        now = time.monotonic()
        if not self._stop.asked and now - self._saved_at < every:
            return
        mark = Mark(self.batches, self.sequences, self.tokens, self._chain.hexdigest(), now - self._started)
        checkpoint.save(self._job.folder, mark, self._run.states, self._run.sample)
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - now
        if self._stop.asked:
            self._job.notice(f"stopped after {self.tokens:,} tokens: the same command continues")
            raise KeyboardInterrupt


def _digest(batch: Sequence[Any]) -> bytes:
    state = hashlib.blake2b(digest_size=16)
    for sequence in batch:
        state.update(f"{sequence.number} {sequence.document} {sequence.part} {sequence.length};".encode())
        state.update(sequence.ids.astype("<i4").tobytes())
    return state.digest()


def _info(job: _Job, read: Sequences, loop: _Loop, seconds: float) -> dict[str, Any]:
    """The provenance that the index keeps."""
    loaded = job.loaded
    bos = bos_id(loaded.tokenizer, job.settings.bos)
    software = {name: importlib.metadata.version(name) for name in _SOFTWARE}
    settings = {key: value for key, value in job.identity.items() if key != "weights"}
    return {
        "complete": True,
        "model": {
            "name": loaded.name,
            "revision": loaded.revision,
            "architecture": loaded.architecture,
            "model_type": loaded.model_type,
            "fingerprint": loaded.fingerprint,
            "dtype": loaded.dtype,
            "device": loaded.device,
            "layers": job.layers,
        },
        "corpus": {
            **job.corpus.describe(),
            "documents": read.documents,
            "sequences": loop.sequences,
            "tokens": loop.tokens,
            "hash": read.identity.hexdigest(),
            "bos": bos,
        },
        "settings": settings,
        "software": {"gluscope": __version__, "python": platform.python_version(), **software},
        "run": {
            "identity": job.identity,
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "tokens_per_second": round(loop.tokens / seconds, 1) if seconds else None,
            "batches": loop.batches,
        },
    }
