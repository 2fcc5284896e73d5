"""The content of `checkpoint.json`: how far a run is, and the size and hash of each file of the checkpoint."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..disk import open_regular, write_json
from ..errors import GluscopeError
from ..index_file.identity import RunIdentity

VERSION = 3
_UNSUMMED = 2
"""The version before files had sums; its checkpoints are still read."""

NAME = "checkpoint.json"
IDENTITY = "identity.json"
_STATE = re.compile(r"state-\d{1,18}(-end)?\.safetensors")
_BLOCK = 1 << 20
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the run was at a checkpoint."""

    batches: int  # of the plan, passed so far
    sequences: int  # in the batches that were passed
    tokens: int  # in them, padding not counted
    covered: int  # tokens in the passed batches that this run took, or that the index it continues held
    chain: str  # hash of all tokens of the passed batches, to recognise the corpus
    seconds: float  # spent so far
    finished: bool  # whether the corpus was read to its end
    identity_errors: Mapping[str, float]  # of the sites proven so far, by name
    notices: tuple[str, ...]  # that the index is to keep

    @property
    def state_name(self) -> str:
        """The name of the file that holds the state."""
        return f"state-{self.batches}{'-end' if self.finished else ''}.safetensors"


@dataclass(frozen=True, slots=True)
class FileSum:
    """The size and hash that a file must have."""

    size: int  # bytes
    blake2b: str  # of 16 bytes, hexadecimal

    @classmethod
    def of(cls, path: Path) -> FileSum:
        """The size and hash that a file has. OSError if it can't be read."""
        state = hashlib.blake2b(digest_size=16)
        size = 0
        with open_regular(path) as file:
            while block := file.read(_BLOCK):
                state.update(block)
                size += len(block)
        return cls(size, state.hexdigest())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint: its mark, and the sums of its files by name; None for one written before files had sums."""

    mark: Mark
    sums: Mapping[str, FileSum] | None

    def demand_whole(self, folder: Path, name: str, *, aside: bool = False) -> Path:
        """The path of a file of the checkpoint, after checking that the file is unchanged.

        `aside`: the file may still have the name under which it was written. GluscopeError if it has been changed.
        """
        path = folder / name
        if self.sums is None:
            return path
        if name not in self.sums:
            raise unreadable(folder, f"it does not tell what {name} holds")
        for candidate in (path, path.with_name(f"{name}.new")) if aside else (path,):
            try:
                if candidate.lstat().st_size == self.sums[name].size and FileSum.of(candidate) == self.sums[name]:
                    return candidate
            except OSError:
                continue
        there = "has been changed since it was written" if path.exists() else "is missing"
        raise unreadable(folder, f"{name} {there}")


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint.json`; the previous one stays until this one is whole."""
    sums = {} if checkpoint.sums is None else {name: asdict(one) for name, one in checkpoint.sums.items()}
    saved = {"version": VERSION, "mark": asdict(checkpoint.mark), "files": sums}
    write_json(folder / NAME, {**saved, "sum": _sum(saved)})


def read(folder: Path) -> Checkpoint | None:
    """The last checkpoint of a run folder, before its files are checked, or None.

    GluscopeError if `write` of this version or the previous one didn't write it.
    """
    try:
        with open_regular(folder / NAME) as file:
            saved = json.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder, f"{NAME}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise unreadable(folder, f"{NAME} is damaged") from error
    version = saved.get("version") if isinstance(saved, dict) else None
    try:
        if version == VERSION:
            told = saved.pop("sum")
            if told != _sum(saved):
                raise unreadable(folder, f"{NAME} has been changed since it was written")
            sums = {
                str(name): FileSum(_count(one["size"]), str(one["blake2b"])) for name, one in saved["files"].items()
            }
            return Checkpoint(_mark(saved["mark"]), sums)
        if version == _UNSUMMED:
            mark = _mark(saved)
            if saved["file"] != mark.state_name or not _STATE.fullmatch(saved["file"]):
                raise unreadable(folder, f"{NAME} names a state that is not that of its batches")
            return Checkpoint(mark, None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(folder, f"{NAME} is damaged: {error}") from error
    raise unreadable(folder, f"{NAME} was written by another version of gluscope")


def read_identity(folder: Path, checkpoint: Checkpoint) -> RunIdentity:
    """The identity of the checkpoint's run. GluscopeError if it can't be read or has been changed."""
    try:
        with open_regular(checkpoint.demand_whole(folder, IDENTITY)) as file:
            return RunIdentity.from_json(json.loads(file.read()))
    except OSError as error:
        raise unreadable(folder, f"{IDENTITY}: {error.strerror}") from error
    except (AttributeError, ValueError, RecursionError) as error:
        raise unreadable(folder, f"{IDENTITY} is damaged") from error


def unreadable(folder: Path, why: str) -> GluscopeError:
    """The error for a checkpoint that a run can't continue."""
    return GluscopeError(
        f"the checkpoint in {folder} can't be read: {why}", f"start again with --overwrite, or remove {folder}"
    )


def _sum(saved: Mapping[str, Any]) -> str:
    canonical = json.dumps(saved, sort_keys=True, separators=(",", ":")).encode("utf-8")
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def _mark(saved: Mapping[str, Any]) -> Mark:
    """A mark, once the type and range of every value are checked; KeyError, TypeError or ValueError otherwise."""
    mark = Mark(
        batches=_count(saved["batches"]),
        sequences=_count(saved["sequences"]),
        tokens=_count(saved["tokens"]),
        covered=_count(saved["covered"]),
        chain=_of(str, saved["chain"]),
        seconds=float(_of((int, float), saved["seconds"])),
        finished=_of(bool, saved["finished"]),
        identity_errors={
            str(name): float(_of((int, float), error)) for name, error in saved["identity_errors"].items()
        },
        notices=tuple(_of(str, notice) for notice in _of(list, saved["notices"])),
    )
    if not 0 <= mark.seconds < math.inf:
        raise ValueError("the seconds are not a duration")
    return mark


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"{value!r} is not a count")
    return value


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is of the wrong type")
    return value
