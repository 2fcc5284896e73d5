"""Checkpoints of a run: its state in safetensors files, written aside and renamed, so that one is always whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import GluscopeError
from .output import write_json
from .sample import PositionSample
from .state import SiteState

VERSION = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a checkpoint is."""

    batches: int  # of the plan, passed
    sequences: int  # in the batches that were run
    tokens: int  # in them, padding not counted
    chain: str  # hash of all tokens of the passed batches, to know the corpus again
    seconds: float  # spent so far


def save(folder: Path, mark: Mark, states: Mapping[str, SiteState], sample: PositionSample) -> None:
    """Write a checkpoint into the run folder; the one before stays until this one is whole."""
    tensors = {f"{site}/{name}": tensor for site, state in states.items() for name, tensor in state.tensors().items()}
    for name, array in (("hash", sample.hash), ("sequence", sample.sequence), ("position", sample.position)):
        tensors[f"/{name}"] = torch.from_numpy(array)
    name = f"state-{mark.batches}.safetensors"
    aside = folder / f"{name}.new"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, aside)
    with open(aside, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(aside, folder / name)
    write_json(folder / "checkpoint.json", {"version": VERSION, "file": name, **asdict(mark)})
    for old in folder.glob("state-*"):
        if old.name != name:
            old.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """An object that `write_json` wrote."""
    saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return saved


def load(folder: Path) -> tuple[Mark, dict[str, Tensor]] | None:
    """The last checkpoint, or None where there is none. GluscopeError where it can't be read."""
    path = folder / "checkpoint.json"
    if not path.exists():
        return None
    remedy = "start anew with --overwrite"
    try:
        saved = read_json(path)
        if saved.pop("version") != VERSION:
            raise GluscopeError(f"{path} was written by another version of gluscope", remedy)
        tensors = load_file(folder / saved.pop("file"))
        return Mark(**saved), tensors
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise GluscopeError(f"the checkpoint in {folder} can't be read: {error}", remedy) from error


def restore(tensors: Mapping[str, Tensor], states: Mapping[str, SiteState], sample: PositionSample) -> None:
    """Put a checkpoint's tensors back in place."""
    for site, state in states.items():
        prefix = f"{site}/"
        state.restore({key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
    for name in ("hash", "sequence", "position"):
        np.copyto(getattr(sample, name), tensors[f"/{name}"].numpy())
