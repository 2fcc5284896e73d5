"""Checkpoints of a run: its state in safetensors files, written aside and renamed, so that one is always whole."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import GluscopeError
from ..statistics.sample import PositionSample
from ..statistics.site_state import SiteState
from .folder import write_json

VERSION = 2
_AGAIN = "start anew with --overwrite"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a checkpoint is."""

    batches: int  # of the plan, passed
    sequences: int  # in the batches that were passed
    tokens: int  # in them, padding not counted
    covered: int  # tokens in those of them that this run took, or that the index it goes on from held
    chain: str  # hash of all tokens of the passed batches, to know the corpus again
    seconds: float  # spent so far
    finished: bool  # the corpus was read to its end
    identity_errors: Mapping[str, float]  # of the sites proven so far, by name
    notices: tuple[str, ...]  # that the index is to keep


class Saved:
    """A checkpoint opened for reading; its tensors are read when they are asked for."""

    def __init__(self, mark: Mark, file: Any) -> None:
        self.mark = mark
        self._file = file
        self._names: list[str] = list(file.keys())

    def tensors(self, site: str) -> dict[str, Tensor]:
        """What `SiteState.tensors` gave, of the site of a name."""
        prefix = f"{site}/"
        return {
            name.removeprefix(prefix): self._file.get_tensor(name) for name in self._names if name.startswith(prefix)
        }

    def restore_sample(self, sample: PositionSample) -> None:
        """Put the positions of the sample back in place."""
        for name, tensor in self.tensors("").items():
            np.copyto(getattr(sample, name), tensor.numpy())

    def restore(self, states: Mapping[str, SiteState], sample: PositionSample) -> None:
        """Put the whole state back in place."""
        for site, state in states.items():
            state.restore(self.tensors(site))
        self.restore_sample(sample)


def save(folder: Path, mark: Mark, states: Mapping[str, SiteState], sample: PositionSample) -> None:
    """Write a checkpoint into the run folder; the one before stays until this one is whole."""
    tensors = {f"{site}/{name}": tensor for site, state in states.items() for name, tensor in state.tensors().items()}
    for name, array in (("hash", sample.hash), ("sequence", sample.sequence), ("position", sample.position)):
        tensors[f"/{name}"] = torch.from_numpy(array)
    name = f"state-{mark.batches}{'-end' if mark.finished else ''}.safetensors"
    aside = folder / f"{name}.new"
    try:
        _save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, folder / name)
    write_json(folder / "checkpoint.json", {"version": VERSION, "file": name, **asdict(mark)})
    for old in folder.glob("state-*"):
        if old.name != name:
            old.unlink()


@contextmanager
def reading(folder: Path) -> Iterator[Saved | None]:
    """The last checkpoint of a run folder, or None where there is none. GluscopeError where it can't be read."""
    path = folder / "checkpoint.json"
    if not path.exists():
        yield None
        return
    try:
        saved = read_json(path)
        if saved.pop("version") != VERSION:
            raise GluscopeError(f"{path} was written by another version of gluscope", _AGAIN)
        file = folder / saved.pop("file")
        mark = Mark(**{**saved, "notices": tuple(saved["notices"])})
        opened = safe_open(file, framework="pt")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise GluscopeError(f"the checkpoint in {folder} can't be read: {error}", _AGAIN) from error
    with opened as tensors:
        yield Saved(mark, tensors)


def is_readable(folder: Path) -> bool:
    """Whether a run folder has no checkpoint, or one that can be read."""
    try:
        with reading(folder):
            return True
    except GluscopeError:
        return False


def read_json(path: Path) -> dict[str, Any]:
    """An object that `write_json` wrote."""
    saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return saved


def _save_file(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file of tensors; OSError where that fails, which the library tells in an error of its own."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error), str(path)) from error
