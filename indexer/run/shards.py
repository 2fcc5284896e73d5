"""Shards: every N-th batch of the plan, for machines that share only the text and the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import GluscopeError

_FIX = "write it like --shard 1/8 (the first of eight) to 8/8, or --shard auto in a SLURM array"
_AGAIN = (
    "where tasks of a larger array run again, name its size: --shard auto/32 (an array from 0), or write --shard 1/8"
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The batches whose number modulo `count` is `index`."""

    index: int = 0  # from 0
    count: int = 1

    def takes(self, batch: int) -> bool:
        """Whether the batch of this number belongs to the shard."""
        return batch % self.count == self.index

    @property
    def name(self) -> str | None:
        """As people write it, counted from 1: `1/8` to `8/8`; None for the whole."""
        return None if self.count == 1 else f"{self.index + 1}/{self.count}"


WHOLE = Shard()


def parse_shard(text: str | None, environment: Mapping[str, str]) -> Shard:
    """The shard that an option names; None is the whole. GluscopeError otherwise.

    `1/8` to `8/8` name a shard. In a SLURM array `auto` takes the place of this task in the array, which must start at
    0 or 1. `auto/32` takes the task's number in an array from 0 to 31, even if only some of its tasks run now.
    """
    if text is None:
        return WHOLE
    if match := re.fullmatch(r"\s*auto\s*(?:/\s*(\d{1,6})\s*)?", text, re.ASCII | re.IGNORECASE):
        return _of_array(environment) if match[1] is None else _of_task(environment, int(match[1]))
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text, re.ASCII)
    if match is None:
        raise GluscopeError(f"--shard: {text!a} is not a shard", _FIX)
    number, count = int(match[1]), int(match[2])
    if not 1 <= number <= count:
        raise GluscopeError(f"--shard: there is no shard {number} of {count}; they are counted from 1", _FIX)
    return Shard(number - 1, count)


def _of_array(environment: Mapping[str, str]) -> Shard:
    """The place of this task in its SLURM array, if the array can be whole: from 0 or 1, no task left out.

    If an array runs again in part, SLURM's variables describe that part alone.
    """
    task, first, last, count = _variables(environment, "ID", "MIN", "MAX", "COUNT")
    if first not in (0, 1) or last - first != count - 1 or not first <= task <= last:
        tasks = f"task {first}" if count == 1 else f"{count} tasks, {first} to {last},"
        raise GluscopeError(f"--shard auto: {tasks} may be only a part of a SLURM array", _AGAIN)
    if count == 1:
        raise GluscopeError("--shard auto: one task may be only a part of a SLURM array", _AGAIN)
    return Shard(task - first, count)


def _of_task(environment: Mapping[str, str], count: int) -> Shard:
    """The shard of this task's number in an array from 0 that has `count` tasks, whichever of them run now."""
    option = f"--shard auto/{count}"
    (task,) = _variables(environment, "ID", option=option)
    last = int(known) if (known := environment.get("SLURM_ARRAY_TASK_MAX", "")).isdecimal() else task
    if not 0 <= task < count or last >= count:
        raise GluscopeError(
            f"{option}: task {max(task, last)} is not in an array from 0 to {count - 1}",
            f"in an array from 1 write --shard $SLURM_ARRAY_TASK_ID/{count}",
        )
    return Shard(task, count)


def _variables(environment: Mapping[str, str], *names: str, option: str = "--shard auto") -> list[int]:
    """SLURM's variables for an array; GluscopeError, naming the option, if this is not a task of one."""
    try:
        return [int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in names]
    except KeyError as error:
        raise GluscopeError(f"{option}: {error.args[0]} is not set, so this is not a SLURM array", _FIX) from None
    except ValueError:
        raise GluscopeError(f"{option}: the variables of the SLURM array are not numbers", _FIX) from None
