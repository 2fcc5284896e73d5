"""Where a model is: a Hugging Face id, a folder or a .gguf file; checked before anything heavy is imported."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import GluscopeError

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB_ID = re.compile(r"(?:[\w][\w.-]*/)?[\w][\w.-]*", re.ASCII)
_HUB_CACHE = re.compile(r"models--(?P<id>[^/\\]+)[/\\]snapshots[/\\](?P<commit>[0-9a-f]{40})$")
_TO_SAFETENSORS = "pickles can run code: convert it to safetensors (load it in transformers, then save_pretrained)"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as transformers finds it."""

    location: str  # a hub id or a folder
    gguf_file: str | None  # a file in that folder
    local: bool
    name: str  # to be shown
    revision: str | None  # the hub's commit, where a folder of its cache says it


def locate(model: str, *, weights: bool = True) -> ModelSource:
    """Tell what kind of model `model` names, and check a local one's files; without `weights` its config.json only.

    GluscopeError: nothing there, a folder without config.json or safetensors, a pickle, a truncated file.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        _check_folder(path, weights)
        cached = _HUB_CACHE.search(str(path.absolute()))
        name = cached["id"].replace("--", "/") if cached else path.resolve().name
        return ModelSource(str(path), None, True, name, cached["commit"] if cached else None)
    if path.is_file():
        _check_file(path)
        return ModelSource(str(path.parent), path.name, True, path.stem, None)
    if _looks_like_path(model):
        raise GluscopeError(f"there is no model at {model}", "give a Hugging Face id, a folder or a .gguf file")
    return ModelSource(model, None, False, model, None)


def _looks_like_path(model: str) -> bool:
    beginning = model.startswith((".", "~", "/", "\\")) or os.path.isabs(model)
    suffix = Path(model).suffix.lower() in (".gguf", ".safetensors", *_PICKLES)
    return beginning or suffix or not _HUB_ID.fullmatch(model) or ("/" in model and Path(model).parent.is_dir())


def _check_file(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise GluscopeError(f"{path} is a pickle, which gluscope doesn't open", _TO_SAFETENSORS)
    if suffix == ".safetensors":
        raise GluscopeError(f"{path} holds weights only", f"give the folder with its config.json: {path.parent}")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise GluscopeError(f"{path} is no GGUF file", "give a Hugging Face id, a folder or a .gguf file")


def _check_folder(folder: Path, wanted: bool) -> None:
    names = sorted(entry.name for entry in folder.iterdir())
    if "config.json" not in names:
        ggufs = [name for name in names if name.lower().endswith(".gguf")]
        if ggufs:
            raise GluscopeError(f"{folder} has no config.json", f"give the GGUF file itself: {folder / ggufs[0]}")
        if "adapter_config.json" in names:
            raise GluscopeError(f"{folder} is an adapter, not a model", "merge it into its model (merge_and_unload)")
        raise GluscopeError(f"{folder} has no config.json", "give a folder that save_pretrained wrote")
    if not wanted:
        return
    weights = [name for name in names if name.endswith(".safetensors")]
    if not weights:
        if any(name.endswith(_PICKLES) for name in names):
            raise GluscopeError(f"{folder} has its weights as a pickle only", _TO_SAFETENSORS)
        raise GluscopeError(f"{folder} has no .safetensors file", "give a folder with the model's weights")
    for name in weights:
        _check_safetensors(folder / name)
    for name in _indexed_shards(folder / "model.safetensors.index.json"):
        if name not in names:
            raise GluscopeError(f"{folder} lacks {name}, a part of its weights", "download the model again")


def _indexed_shards(index: Path) -> list[str]:
    if not index.is_file():
        return []
    try:
        return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise GluscopeError(f"{index} is damaged", "download the model again") from None


def _check_safetensors(path: Path) -> None:
    """Compare the file's size with what its header announces: 8 bytes of length, the header, the tensors."""
    damaged = GluscopeError(f"{path} is truncated or damaged", "download the model again")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise damaged
        header = file.read(length)
    try:
        entries = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise damaged from None
    if 8 + length + end != size:
        raise damaged
