"""Shards: every N-th batch of the plan, for machines that share nothing but the text and the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import GluscopeError

_FIX = "write it like --shard 1/8 (the first of eight) to 8/8, or --shard auto in a SLURM array"


@dataclass(frozen=True, slots=True)
class Shard:
    """The batches whose number, divided by `count`, leaves `index`."""

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
    """The shard that `1/8` or, in an array of SLURM, `auto` names; None is the whole. GluscopeError otherwise."""
    if text is None:
        return WHOLE
    if text.strip().lower() == "auto":
        return _of_array(environment)
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text, re.ASCII)
    if match is None:
        raise GluscopeError(f"--shard: {text!a} is no shard", _FIX)
    number, count = int(match[1]), int(match[2])
    if not 1 <= number <= count:
        raise GluscopeError(f"--shard: there is no shard {number} of {count}; they are counted from 1", _FIX)
    return Shard(number - 1, count)


def _of_array(environment: Mapping[str, str]) -> Shard:
    """The place of this task in its SLURM array, whatever its first number and its step are."""
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
    try:
        task, first, last, count = (int(environment[name]) for name in names)
    except KeyError as error:
        raise GluscopeError(f"--shard auto: {error.args[0]} is not set, so this is no SLURM array", _FIX) from None
    except ValueError:
        raise GluscopeError("--shard auto: the variables of the SLURM array are no numbers", _FIX) from None
    step, odd = divmod(last - first, count - 1) if count > 1 else (1, 0)
    index, between = divmod(task - first, step) if step > 0 else (0, 1)
    if odd or between or not 0 <= index < count:
        raise GluscopeError(
            f"--shard auto: the {count} tasks {first} to {last} of the SLURM array are not evenly spaced",
            "use an array like 0-7, or give --shard 1/8 to 8/8 yourself",
        )
    return Shard(index, count)
