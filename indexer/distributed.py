"""Several processes on one index, as torchrun starts them: each runs its batches, the first joins what all found.

They say nothing to each other but, at the end, that they are done. What a process found is its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch

from . import checkpoint
from .checkpoint import Mark
from .errors import GluscopeError
from .reduction import Fuser
from .run import Run
from .sample import PositionSample
from .shards import Shard

_PATIENCE = timedelta(days=30)  # a process may be much slower than another: torchrun ends them where one fails


@dataclass(frozen=True, slots=True)
class Group:
    """The place of this process among those of a run."""

    rank: int
    size: int
    local_rank: int  # on its machine

    @property
    def shard(self) -> Shard:
        """The batches of this process."""
        return Shard(self.rank, self.size)

    def folder(self, run_folder: Path, rank: int | None = None) -> Path:
        """Where a process, this one unless told, keeps its state."""
        return run_folder / f"rank-{self.rank if rank is None else rank}"

    def device(self, asked: str) -> str:
        """The device of this process, where the user leaves the choice."""
        if asked in ("auto", "cuda") and torch.cuda.is_available():
            return f"cuda:{self.local_rank}"
        return asked

    def wait(self) -> None:
        """Return when every process of the group waits."""
        from torch import distributed

        distributed.init_process_group("gloo", rank=self.rank, world_size=self.size, timeout=_PATIENCE)
        try:
            distributed.barrier()
        finally:
            distributed.destroy_process_group()


def find_group(environment: Mapping[str, str]) -> Group | None:
    """The group that torchrun's variables tell of; None where this process is alone."""
    try:
        rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_RANK", "0"))
    except (KeyError, ValueError):
        return None
    return Group(rank, size, local) if size > 1 else None


def join(run: Run, group: Group, run_folder: Path) -> list[Mark]:
    """Merge what the other processes found into the first one's run, in the order of their ranks.

    Memory holds one site of another process at a time. Returns their marks. GluscopeError where one isn't there.
    """
    marks = []
    fuse = Fuser(False, lambda _: None)
    for rank in range(1, group.size):
        folder = group.folder(run_folder, rank)
        with checkpoint.reading(folder) as saved:
            if saved is None or not saved.mark.finished:
                raise GluscopeError(
                    f"process {rank} left no finished state in {folder}",
                    "all processes need --db on a disk that each of them sees",
                )
            marks.append(saved.mark)
            other = PositionSample(run.sample.size)
            saved.restore_sample(other)
            slots = run.sample.merge(other)
            for site, state in run.states.items():
                theirs = run.blank(site)
                theirs.restore(saved.tensors(site))
                state.merge(theirs, *slots, fuse)
                if site not in run.identity_errors and site in saved.mark.identity_errors:
                    run.identity_errors[site] = saved.mark.identity_errors[site]
    return marks
