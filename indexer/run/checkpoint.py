"""Checkpoints of a run: its state in safetensors files, written aside and renamed, so that one is always whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..statistics.sample import PositionSample
from ..statistics.stack import SiteState
from . import checkpoint_file
from .checkpoint_file import IDENTITY, Checkpoint, FileSum, Mark, unreadable


class Saved:
    """A checkpoint opened for reading; its tensors are read when they are asked for."""

    def __init__(self, folder: Path, mark: Mark, file: Any) -> None:
        self.mark = mark
        self._folder = folder
        self._file = file
        self._names: list[str] = list(file.keys())

    def tensors(self, site: str) -> dict[str, Tensor]:
        """The tensors of a site, as `SiteState.tensors` returned them."""
        prefix = f"{site}/"
        return {
            name.removeprefix(prefix): self._file.get_tensor(name) for name in self._names if name.startswith(prefix)
        }

    def restore_sample(self, sample: PositionSample) -> None:
        """Put the positions of the sample back in place. GluscopeError if the file holds no sample of that size."""
        with self._fitting("the sample"):
            tensors = self.tensors("")
            for name in ("hash", "sequence", "position"):
                np.copyto(getattr(sample, name), tensors[name].numpy(), casting="no")

    def restore_site(self, name: str, state: SiteState) -> None:
        """Put the state of a site back in place. GluscopeError if the file holds no state of that kind and size."""
        with self._fitting(name):
            tensors = self.tensors(name)
            for part, now in state.tensors().items():
                if (tensors[part].shape, tensors[part].dtype) != (now.shape, now.dtype):
                    raise ValueError(f"{part} is of another size")
            state.restore(tensors)

    def restore(self, states: Mapping[str, SiteState], sample: PositionSample) -> None:
        """Put the whole state back in place."""
        for site, state in states.items():
            self.restore_site(site, state)
        self.restore_sample(sample)

    @contextmanager
    def _fitting(self, what: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, AttributeError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise unreadable(self._folder, f"its state of {what} is damaged") from error


def save(folder: Path, mark: Mark, states: Mapping[str, SiteState], sample: PositionSample) -> None:
    """Write a checkpoint into the run folder; the previous one stays until this one is whole.

    The state file gets its name only once `checkpoint.json` lists it, so a state file without `checkpoint.json` has
    lost it.
    """
    tensors = {f"{site}/{name}": tensor for site, state in states.items() for name, tensor in state.tensors().items()}
    for name, array in (("hash", sample.hash), ("sequence", sample.sequence), ("position", sample.position)):
        tensors[f"/{name}"] = torch.from_numpy(array)
    name = mark.state_name
    aside = folder / f"{name}.new"
    try:
        aside.unlink(missing_ok=True)
        _save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        sums = {name: FileSum.of(aside)}
        if (folder / IDENTITY).exists():
            sums[IDENTITY] = FileSum.of(folder / IDENTITY)
        checkpoint_file.write(folder, Checkpoint(mark, sums))
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    os.replace(aside, folder / name)
    for old in folder.glob("state-*"):
        if old.name != name:
            old.unlink()


@contextmanager
def reading(folder: Path) -> Iterator[Saved | None]:
    """The last checkpoint of a run folder, or None. GluscopeError if it can't be read."""
    found = checkpoint_file.read(folder)
    if found is None:
        if any(folder.glob("state-*.safetensors")):
            raise unreadable(folder, f"{checkpoint_file.NAME} is missing")
        yield None
        return
    file = found.demand_whole(folder, found.mark.state_name, aside=True)
    try:
        opened = safe_open(file, framework="pt")
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable(folder, str(error)) from error
    with opened as tensors:
        yield Saved(folder, found.mark, tensors)


def _save_file(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file of tensors. OSError if that fails; the library has its own error for it."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error), str(path)) from error
