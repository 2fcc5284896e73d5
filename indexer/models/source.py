"""Where a model is: a Hugging Face id, a folder or a .gguf file; checked before anything heavy is imported."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import GluscopeError

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB_ID = re.compile(r"(?:[\w][\w.-]*/)?[\w][\w.-]*", re.ASCII)
_HUB_CACHE = re.compile(r"models--(?P<id>[^/\\]+)[/\\]snapshots[/\\](?P<commit>[0-9a-f]{40})$")
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_LARGEST_CONFIG = 32 << 20  # bytes
_LONGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors library
_TO_SAFETENSORS = "pickles can run code: convert it to safetensors (load it in transformers, then save_pretrained)"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as transformers finds it."""

    location: str  # a hub id or a folder
    gguf_file: str | None  # a file in that folder
    local: bool
    name: str  # to be shown
    revision: str | None  # the hub's commit, if a folder of its cache names it

    @property
    def whereabouts(self) -> str:
        """The name by which it is found from any folder: an absolute path, or a hub id."""
        return os.path.abspath(os.path.join(self.location, self.gguf_file or "")) if self.local else self.location


def locate(model: str, *, weights: bool = True, revision: str | None = None) -> ModelSource:
    """Find out what kind of model `model` names, and check a local one's files; without `weights` only its config.json.

    GluscopeError: nothing there, a folder without config.json or safetensors, a pickle, a truncated file, a `revision`
    of something that is not a model of the hub.
    """
    path = Path(model).expanduser()
    if revision is not None and (path.is_dir() or path.is_file()):
        raise GluscopeError(f"{model} is on this machine: --revision names a version on the hub", "leave it out")
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
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise GluscopeError(f"{path} can't be opened: {error.strerror}", "check its permissions") from error
    if magic != b"GGUF":
        raise GluscopeError(f"{path} is not a GGUF file", "give a Hugging Face id, a folder or a .gguf file")


def _check_folder(folder: Path, wanted: bool) -> None:
    try:
        entries = {entry.name: entry for entry in sorted(folder.iterdir())}
    except OSError as error:
        raise GluscopeError(f"{folder} can't be opened: {error.strerror}", "check its permissions") from error
    if "config.json" not in entries:
        raise _no_config(folder, list(entries))
    for name, path in entries.items():
        if _kind(path) == _WAITS:
            raise GluscopeError(f"{path} is neither a file nor a folder: reading it could wait forever", "remove it")
        if name == "config.json":
            _demand_file(path)
    if (size := entries["config.json"].stat().st_size) > _LARGEST_CONFIG:
        raise GluscopeError(f"config.json of {folder} has {size:,} bytes, more than settings need", "save it again")
    if wanted:
        _check_weights(folder, list(entries))


def _no_config(folder: Path, names: list[str]) -> GluscopeError:
    if ggufs := [name for name in names if name.lower().endswith(".gguf")]:
        return GluscopeError(f"{folder} has no config.json", f"give the GGUF file itself: {folder / ggufs[0]}")
    if "adapter_config.json" in names:
        return GluscopeError(f"{folder} is an adapter, not a model", "merge it into its model (merge_and_unload)")
    return GluscopeError(f"{folder} has no config.json", "give a folder that save_pretrained wrote")


def _check_weights(folder: Path, names: list[str]) -> None:
    """Check that the files from which transformers reads the weights are whole; others don't matter."""
    if "adapter_config.json" in names:
        raise GluscopeError(
            f"{folder} has an adapter (adapter_config.json), which changes its model's values or not, as it is loaded",
            "merge it into the model (merge_and_unload), or give the model's own folder",
        )
    if _WHOLE in names:
        used = [_WHOLE]
    elif _INDEX in names:
        _demand_file(folder / _INDEX)
        used = _indexed_shards(folder / _INDEX)
    elif others := [name for name in names if name.endswith(".safetensors")]:
        raise GluscopeError(
            f"{folder} has neither {_WHOLE} nor {_INDEX}", f"transformers doesn't look for {others[0]}: rename it"
        )
    elif any(name.endswith(_PICKLES) for name in names):
        raise GluscopeError(f"{folder} has its weights as a pickle only", _TO_SAFETENSORS)
    else:
        raise GluscopeError(f"{folder} has no .safetensors file", "give a folder with the model's weights")
    for name in used:
        if name not in names:
            raise GluscopeError(f"{folder} lacks {name}, a part of its weights", "download the model again")
        _demand_file(folder / name)
        _check_safetensors(folder / name)


def weight_bytes(folder: Path) -> int:
    """The size of the files that a checked folder's weights are read from."""
    names = [_WHOLE] if (folder / _WHOLE).exists() else _indexed_shards(folder / _INDEX)
    return sum((folder / name).stat().st_size for name in names)


_FILE, _FOLDER, _WAITS, _NOTHING = "file", "folder", "waits", "nothing"


def _kind(path: Path) -> str:
    """The kind of thing at a path, links followed: a file, a folder, something that waits for a writer, or nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:  # no such file, or links that go round in a circle
        return _NOTHING
    return _FILE if stat.S_ISREG(mode) else _FOLDER if stat.S_ISDIR(mode) else _WAITS


def _demand_file(path: Path) -> None:
    """GluscopeError if no readable file exists."""
    kind = _kind(path)
    if kind == _NOTHING:
        raise GluscopeError(f"{path} links to a missing file", "download the model again, or mend the link")
    if kind == _FOLDER:
        raise GluscopeError(f"{path} is a folder, not a file", "download the model again")
    if not os.access(path, os.R_OK):
        raise GluscopeError(f"{path} can't be read", "check its permissions")


def _indexed_shards(index: Path) -> list[str]:
    damaged = GluscopeError(f"{index} is damaged", "download the model again")
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged from None
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise damaged
    return names


def _check_safetensors(path: Path) -> None:
    """Compare the file's size with the size that its header announces: 8 bytes of length, the header, the tensors."""
    damaged = GluscopeError(f"{path} is truncated or damaged", "download the model again")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, _LONGEST_HEADER):
            raise damaged
        header = file.read(length)
    try:
        entries = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise damaged from None
    if not isinstance(end, int) or 8 + length + end != size:
        raise damaged
