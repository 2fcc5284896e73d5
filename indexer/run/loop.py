"""The loop over the batches of the plan: skips finished batches, runs the others, and writes checkpoints."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus import Corpus
from ..database.format.sinks import Sinks
from ..errors import GluscopeError
from ..index_file.coverage import NOTHING, Batches
from ..index_file.identity import Identity
from ..progress import Meter, Progress, Report
from ..sequences.batches import Batch, plan
from ..sequences.roles import none_so_far, some_never
from ..sequences.sequences import Sequences, TokenSequence
from ..sequences.sink_positions import sink_positions
from ..sequences.spill import TextsWriter
from . import checkpoint
from .accumulator import Run
from .checkpoint_file import Mark
from .expected import ESTIMATE, expected_tokens
from .finished_index import Base
from .interruption import Stop
from .shards import Shard

CHECKPOINT_SECONDS = 180.0
CHECKPOINT_COST = 30.0
"""By default, the time between two checkpoints is at least this many times the time that writing one takes."""

_LEAST_TO_TELL, _MOST_TO_TELL = 20.0, 10.0
"""Seconds: of a run whose speed is compared with the bare model's, and of one batch of it."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a loop, the part of it that is done, and the place of its checkpoints."""

    folder: Path
    corpus: Corpus
    identity: Identity
    shard: Shard
    mark: Mark | None  # of the checkpoint that was restored
    base: Base | None  # the index that the run extends
    every: float | None  # seconds between checkpoints, if the user chose
    kept: Callable[[Loop], None] | None  # called for each checkpoint
    begins: Callable[[], None] = lambda: None  # called before the first batch that is run
    sinks: Sinks | None = None  # whose positions in the text are counted


class Loop:
    """Feeds a run with its own batches of the plan, and keeps its checkpoints in a folder.

    After `run`, the counts cover the corpus. GluscopeError if the text differs from the one that the run started with.
    """

    def __init__(
        self, work: Work, run: Run, read: Sequences, spill: TextsWriter | None, report: Report, stop: Stop
    ) -> None:
        self._work = work
        self._settings = work.identity.settings
        self._base = work.base
        self._mark = work.mark
        self._run = run
        self._read = read
        self._spill = spill
        self._report = report
        self._stop = stop
        self._chain = hashlib.blake2b(digest_size=16)
        self._meter = Meter(report, "indexing")
        before = work.mark.seconds if work.mark else work.base.seconds if work.base else 0.0
        self._started = time.monotonic() - before
        self._ready = work.base is None or work.mark is not None  # the states hold the passed batches
        self._saved_at = time.monotonic()
        self._save_cost = 0.0
        self._first = 0.0  # when the first batch began
        self._last: tuple[Batch, float] | None = None  # that was run, and the seconds it took
        self._covered = 0 if work.base is None else work.base.covered.tokens
        self._settled = 0.0  # when the last one was merged
        self.batches = 0  # passed, of the plan
        self.sequences = 0
        self.tokens = 0
        self.sink_positions = 0  # in the text that was read

    @property
    def seconds(self) -> float:
        """Seconds spent so far, earlier calls included."""
        return time.monotonic() - self._started

    @property
    def covered(self) -> Batches:
        """The batches that the run's state holds."""
        start = 0 if self._base is None else self._base.total
        held = NOTHING.numbers if self._base is None else self._base.covered.numbers
        passed = np.arange(start, self.batches)
        own = passed[passed % self._work.shard.count == self._work.shard.index]
        return Batches(np.concatenate([held, own]), self._covered)

    @property
    def borders(self) -> tuple[int, ...]:
        """The sequences after which a block of the plan ends because an index once did."""
        return () if self._base is None else self._base.borders

    @property
    def nothing_left(self) -> bool:
        """Whether the index that was there already holds the whole corpus."""
        return self._base is not None and self.batches == self._base.total

    def run(self) -> None:
        """Go through the whole plan. KeyboardInterrupt, after a checkpoint, if the run is asked to stop."""
        start = 0 if self._base is None else self._base.total
        done = start if self._mark is None else self._mark.batches
        begun = False
        unheard = self._settings.roles is not None
        for batch in self._plan():
            if unheard and self._read.conversations:
                self._tell(none_so_far(self._settings.roles, self._read))
                unheard = False
            self._chain.update(_digest(batch.sequences))
            own = batch.number >= start and self._work.shard.takes(batch.number)
            if own and batch.number >= done:
                self._make_ready()
                if not begun:
                    self._work.begins()
                    self._meter.begin(self._covered)
                    begun = True
                    self._first = time.monotonic()
                started = time.monotonic()
                self._run.process(batch)
                if self._run.in_step:
                    self._last = batch, time.monotonic() - started
            self._pass(batch, own)
            if self._mark is not None and self.batches == done and self._chain.hexdigest() != self._mark.chain:
                raise self._changed()
            if own and batch.number >= done:
                total, estimated = self._total()
                self._meter.update(self._covered, total, "indexing tokens", estimated=estimated)
                self._keep()
            elif self._stop.asked:
                raise KeyboardInterrupt
        if self.batches < done or (self._base is not None and self._read.sequences < self._base.sequences):
            raise self._changed()
        self._tell(some_never(self._settings.roles, self._read))
        if not self.nothing_left:
            self._make_ready()
            self._run.settle()
            self._settled = time.monotonic()
            if begun:
                self._meter.update(self._covered, self._covered, "indexing tokens")

    def share_of_bare(self) -> float | None:
        """The speed of indexing as a share of the bare model's, on the last batch that was run.

        None if that would take long, if the run was too short to tell, or if the machine is so busy that it can't.
        """
        if self._last is None or self._settled - self._first < _LEAST_TO_TELL or self._last[1] > _MOST_TO_TELL:
            return None
        share = self._run.bare_seconds(self._last[0]) / self._last[1]
        return share if share <= 1 else None

    def save(self, *, finished: bool) -> None:
        """Write a checkpoint."""
        begun = time.monotonic()
        checkpoint.save(self._work.folder, self._now(finished), self._run.states, self._run.sample)
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - begun

    def _make_ready(self) -> None:
        """Load the content of the index that the run extends, unless a checkpoint already has it."""
        if self._base is not None and not self._ready:
            held = self._base.covered.tokens
            self._report(Progress("loading", message=f"going on after the {held:,} tokens in {self._base.path}"))
            self._base.restore(self._run)
        self._ready = True

    def _plan(self) -> Iterator[Batch]:
        """The batches. If reading further fails, a checkpoint keeps the work so far."""
        batch_tokens = self._settings.batch_tokens
        assert batch_tokens is not None  # resolved
        batches = plan(self._spilled(), batch_tokens, self.borders, self._run.alike)
        while True:
            try:
                batch = next(batches, None)
            except (GluscopeError, OSError):
                if self._ready and self.batches > (self._mark.batches if self._mark else 0):
                    with suppress(GluscopeError, OSError):  # the first error is the one to report
                        self.save(finished=False)
                        self._notice(f"kept the first {self.tokens:,} tokens: the same command continues")
                raise
            if batch is None:
                return
            yield batch

    def _spilled(self) -> Iterator[TokenSequence]:
        base = self._base
        for sequence in self._read:
            if base is not None and self._read.sequences > base.sequences and self._same_length(base):
                raise base.changed("the text has become longer")
            if self._spill is not None:
                self._spill.add(sequence)
            if self._work.sinks is not None and self._work.sinks.rules:
                self.sink_positions += int(sink_positions(sequence.ids, self._work.sinks).sum())
            self._tell(self._run.long_notice(sequence))
            ends = base is not None and self._read.sequences == base.sequences
            if base is not None and ends and self._read.identity.hexdigest() != base.hash:
                raise base.changed("it was made from other text")
            yield sequence

    def _same_length(self, base: Base) -> bool:
        """Whether the run asks for no more text than the existing index has."""
        return bool(base.run.identity.settings.tokens == self._settings.tokens)

    def _pass(self, batch: Batch, own: bool) -> None:
        self.batches = batch.number + 1
        self.sequences += len(batch.sequences)
        self.tokens += batch.tokens
        self._covered += batch.tokens if own else 0

    def _changed(self) -> GluscopeError:
        if self._base is not None and self._read.sequences < self._base.sequences:
            return self._base.shorter(self._work.identity)
        return GluscopeError(
            f"the text has changed since the run in {self._work.folder} began",
            f"give it the same text (standard input: the same again), or remove {self._work.folder} to start again",
        )

    def _total(self) -> tuple[int | None, bool]:
        """Tokens that the run will cover: those done, and its share of the rest; and whether they are an estimate."""
        expected = expected_tokens(self._read, self._work.corpus, self._settings.tokens)
        if expected.tokens is None:
            return None, False
        rest = max(0, expected.tokens - self.tokens) // self._work.shard.count
        return self._covered + rest, expected.basis == ESTIMATE

    def _keep(self) -> None:
        """Write a checkpoint if it is time, or if the run is to stop."""
        every = (
            max(CHECKPOINT_SECONDS, CHECKPOINT_COST * self._save_cost) if self._work.every is None else self._work.every
        )
        if not self._stop.asked and time.monotonic() - self._saved_at < every:
            return
        self.save(finished=False)
        if self._work.kept is not None:
            self._work.kept(self)
        if self._stop.asked:
            raise KeyboardInterrupt(f"stopped after {self._covered:,} tokens: the same command continues")

    def _now(self, finished: bool) -> Mark:
        return Mark(
            batches=self.batches,
            sequences=self.sequences,
            tokens=self.tokens,
            covered=self._covered,
            chain=self._chain.hexdigest(),
            seconds=self.seconds,
            finished=finished,
            identity_errors=dict(self._run.identity_errors),
            notices=tuple(self._run.notices),
        )

    def _tell(self, message: str | None) -> None:
        if message is not None:
            self._notice(message)

    def _notice(self, message: str) -> None:
        self._report(Progress("notice", message=message))


def _digest(batch: Sequence[TokenSequence]) -> bytes:
    state = hashlib.blake2b(digest_size=16)
    for sequence in batch:
        state.update(f"{sequence.number} {sequence.document} {sequence.part} {sequence.length};".encode())
        state.update(sequence.ids.astype("<i4").tobytes())
        state.update(sequence.turns_text.encode())
    return state.digest()
