"""Joins the results of a group's processes into one index: they wait for each other once, and the first joins all.

The result of a process is its last checkpoint; nothing else passes between processes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from torch import distributed

from ..errors import GluscopeError
from ..statistics.sample import PositionSample
from . import checkpoint
from .accumulator import Run
from .checkpoint_file import Mark
from .torchrun import Group

_PATIENCE = timedelta(days=30)  # one process may be much slower than another; if one fails, torchrun ends them all


def wait(group: Group) -> None:
    """Return when every process of the group waits."""
    distributed.init_process_group("gloo", rank=group.rank, world_size=group.size, timeout=_PATIENCE)
    try:
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def join(run: Run, group: Group, run_folder: Path) -> list[Mark]:
    """Merge the results of the other processes into the run of the first, in the order of their ranks.

    Memory holds one site of another process at a time. Returns their marks. GluscopeError if a checkpoint is missing.
    """
    marks = []
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
            run.identity_errors = {**saved.mark.identity_errors, **run.identity_errors}
            for site, state in run.states.items():
                theirs = run.blank(site)
                saved.restore_site(site, theirs)
                state.merge(theirs, slots)
    return marks
