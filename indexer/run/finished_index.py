"""The index that already exists: whether a run may continue it, and its content as the run's state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..database.bulk.stored import StoredIndex
from ..errors import GluscopeError
from ..index_file.coverage import NOTHING, Batches, Coverage
from ..index_file.identity import Identity, difference, same_but
from ..index_file.read_back import Restated
from ..index_file.run_info import RunInfo, stored_run
from .accumulator import Run
from .shards import Shard

_REPLACE = "replace it with --overwrite, or name another file with --db"


@dataclass(frozen=True)
class Base:
    """A finished index that a run continues."""

    path: Path
    borders: tuple[int, ...]  # ends of blocks in the plan, including the end of this index's corpus
    total: int  # batches of its plan
    covered: Batches
    sequences: int  # of its corpus
    hash: str
    run: RunInfo

    @property
    def seconds(self) -> float:
        """How long the index took to make, in seconds."""
        return self.run.seconds

    def plan_only(self) -> Base:
        """The same for a process that continues the plan while another process takes in the index's content."""
        return replace(self, covered=NOTHING, run=replace(self.run, seconds=0.0, notices=()))

    def restore(self, run: Run) -> None:
        """Load the content of the index into the states of a run."""
        if not len(self.covered.numbers):
            return
        run.take_notices(self.run.notices)
        with StoredIndex(self.path) as stored:
            restated = Restated(stored)
            for record in stored.sites:
                run.states[record.address.name].restore(restated.tensors(stored.site(record)))
                if record.identity_error is not None:
                    run.take_proof(record.address.name, record.identity_error)
            dense = [record.address.name for record in stored.sites if record.address.expert is None]
            found = restated.sample(stored.sample_ids[dense[0]]) if dense else run.sample
        for name in ("hash", "sequence", "position"):
            np.copyto(getattr(run.sample, name), getattr(found, name))

    def changed(self, found: str) -> GluscopeError:
        """The error for a run that the index can't be continued with."""
        return GluscopeError(f"{self.path} is finished, but {found}", _REPLACE)

    def shorter(self, identity: Identity) -> GluscopeError:
        """The error for text that ends before the index's text."""
        return self.changed(difference(self.run.identity, identity) or "it was made from other text")


def is_finished(path: Path) -> bool:
    """Whether an index is finished, not a snapshot of an unfinished run. GluscopeError if it can't be read."""
    with StoredIndex(path) as stored:
        return bool(_coverage(stored).finished)


def finished_base(path: Path, identity: Identity, shard: Shard) -> Base:
    """The index at `path` as a run continues it. GluscopeError, naming the difference, if it is of another run."""
    with StoredIndex(path) as stored:
        coverage = _coverage(stored)
        info = stored.info
        run = stored_run(stored)
    what = f"{path} is finished, but"
    if (found := difference(same_but(run.identity, tokens=None), same_but(identity, tokens=None))) is not None:
        raise GluscopeError(f"{what} {found}", _REPLACE)
    if (coverage.complete and shard.count > 1) or (not coverage.complete and coverage.shard != shard.name):
        held = "it holds the whole corpus" if coverage.complete else f"it is part {coverage.shard} of an index"
        raise GluscopeError(f"{what} {held}, and this is {shard.name or 'the whole'}", _REPLACE)
    if not coverage.complete and shard.count == 1:
        raise GluscopeError(f"{path} holds a part of an index", "join it with the others: gluscope merge OUT IN...")
    assert coverage.total is not None  # of what is finished
    return Base(
        path=path,
        borders=(*coverage.borders, int(info["corpus"]["sequences"])),
        total=coverage.total,
        covered=next(iter(coverage.sites.values())),
        sequences=int(info["corpus"]["sequences"]),
        hash=str(info["corpus"]["hash"]),
        run=run,
    )


def _coverage(stored: StoredIndex) -> Coverage:
    """The coverage of an index."""
    if "coverage" not in stored.info:
        raise GluscopeError(f"{stored.path} doesn't say what it covers", _REPLACE)
    return Coverage.from_json(stored.info["coverage"], [record.address.name for record in stored.sites])
