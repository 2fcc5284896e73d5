"""The processes that torchrun starts for one index: each runs its batches, by itself, on a device of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import GluscopeError
from .shards import Shard

_FIX = "start gluscope with torchrun, or unset RANK and WORLD_SIZE to run one process"


@dataclass(frozen=True, slots=True)
class Group:
    """The place of this process among the processes of a run."""

    rank: int
    size: int
    local_rank: int  # on its machine

    @property
    def first(self) -> bool:
        """Whether this process writes the index and prints messages."""
        return self.rank == 0

    @property
    def shard(self) -> Shard:
        """The batches of this process."""
        return Shard(self.rank, self.size)

    def folder(self, run_folder: Path, rank: int | None = None) -> Path:
        """The folder in which a process keeps its state; by default of this process."""
        return run_folder / f"rank-{self.rank if rank is None else rank}"

    def device(self, asked: str) -> str:
        """The device that the user names, or this process's own GPU if the user leaves the choice."""
        if asked not in ("auto", "cuda"):
            return asked
        import torch

        return f"cuda:{self.local_rank}" if torch.cuda.is_available() else asked


def find_group(environment: Mapping[str, str]) -> Group | None:
    """The group that torchrun's variables describe; None if this process is alone.

    GluscopeError if they describe a group that this process can't be in or can't find.
    """
    try:
        rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_RANK", "0"))
    except (KeyError, ValueError):
        return None
    if size <= 1:
        return None
    if not 0 <= rank < size:
        raise GluscopeError(f"RANK is {rank}, but WORLD_SIZE is {size}: ranks go from 0 to {size - 1}", _FIX)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not environment.get(name):
            raise GluscopeError(f"RANK and WORLD_SIZE tell of {size} processes, but {name} is not set", _FIX)
    return Group(rank, size, local)
