"""The unembedding of a model: the body's own embeddings if they are tied, else read from the checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models.load import encoder_class
from ..models.loaded import LoadedModel, Origin
from ..sites import is_encoder_decoder
from ..transformers_internals import fetched

_INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"
_GGUF_NAME = "output.weight"
_ROWS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Unembedding:
    """The rows that multiply a model's last hidden state, or why there are none."""

    rows: Tensor | None  # token d_model
    reason: str | None = None
    bias: Tensor | None = None  # token; None if the head has none


def embeddings(loaded: LoadedModel, stack: str = "") -> Tensor:
    """The token embeddings that a stack of the model reads (one stack: "", two: "enc" or "dec"): token d_model."""
    owner: Any = loaded.model
    if stack == "dec" and is_encoder_decoder(loaded.model):
        decoder = getattr(owner, "decoder", None)
        owner = decoder if hasattr(decoder, "get_input_embeddings") else owner
    weight: Tensor = owner.get_input_embeddings().weight
    return weight.detach()


def unembedding(loaded: LoadedModel) -> Unembedding:
    """The unembedding, found by the structure of the model with its head; if it isn't tied, it is read now."""
    origin = loaded.origin
    if origin is None:
        return Unembedding(None, "it isn't known where the model came from")
    head = _head(origin, loaded.model)
    if isinstance(head, str):
        return Unembedding(None, head)
    own = embeddings(loaded, "dec")
    if head.tied is not None:
        rows: Tensor | None = loaded.model.get_parameter(head.tied).detach()
    elif origin.source.gguf_file:
        rows = _from_gguf(origin)
    else:
        rows = _from_safetensors(origin, head.name, own.shape[1])
    if rows is None or rows.dim() != 2 or rows.shape[1] != own.shape[1]:
        return Unembedding(None, f"{head.name} is not in the checkpoint as a plain matrix")
    bias = None
    if head.bias is not None:
        bias = None if origin.source.gguf_file else _from_safetensors(origin, head.bias, len(rows))
        if bias is None:
            return Unembedding(None, f"{head.bias} is not in the checkpoint")
        bias = bias.to(own.dtype).to(own.device)
    return Unembedding(rows.to(own.dtype).to(own.device), bias=bias)


@dataclass(frozen=True, slots=True)
class _Head:
    name: str  # of its weight
    tied: str | None  # the body's parameter that is the same
    bias: str | None  # the name of its bias


def _head(origin: Origin, body: nn.Module) -> _Head | str:
    """The weight of the language-model head, or the reason for its absence."""
    model = headed(origin)
    if model is None:
        return "the model has no language-model head"
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        return "the model has no plain language-model head"
    name = next(path for path, module in model.named_modules() if module is head)
    own = {name for name, _ in body.named_parameters(remove_duplicate=False)}
    paths = [path for path, _ in model.named_parameters()]
    parts = {path.partition(".")[0] for path in paths if any(end in own for end in _ends(path))}
    if more := [path for path in paths if path.partition(".")[0] not in parts and not path.startswith(f"{name}.")]:
        return f"the language-model head is more than a matrix: it has {more[0]}"
    same = [path for path, other in model.named_parameters(remove_duplicate=False) if other is head.weight]
    ends = [end for path in same for end in _ends(path) if end in own]
    return _Head(f"{name}.weight", ends[0] if ends else None, None if head.bias is None else f"{name}.bias")


def headed(origin: Origin) -> Any:
    """The whole model with its language-model head, without weights (device meta); None if it has no such head."""
    kind = _class(origin.config)
    if kind is None:
        return None
    with torch.device("meta"):
        return kind.from_config(origin.config, trust_remote_code=bool(origin.arguments.get("trust_remote_code"))).eval()


def _class(config: Any) -> Any:
    """The transformers class of a model with its head, or None."""
    import transformers

    if encoder_class(config) is not None:
        return None
    classes: Any = transformers
    for mapping, kind in (
        ("SEQ_TO_SEQ_CAUSAL_LM", "Seq2SeqLM"),
        ("CAUSAL_LM", "CausalLM"),
        ("IMAGE_TEXT_TO_TEXT", "ImageTextToText"),
        ("MULTIMODAL_LM", "MultimodalLM"),
    ):
        if type(config) in getattr(classes, f"MODEL_FOR_{mapping}_MAPPING"):
            return getattr(classes, f"AutoModelFor{kind}")
    remote = getattr(config, "auto_map", None) or {}
    return classes.AutoModelForCausalLM if "AutoModelForCausalLM" in remote else None


def _ends(path: str) -> list[str]:
    """The ends of a dotted path: itself, itself without its first part, and so on."""
    parts = path.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def _from_safetensors(origin: Origin, name: str, width: int) -> Tensor | None:
    """A tensor of the checkpoint, its last dimension `width`, by its name, or by the end of its name if only one has
    that."""
    from safetensors import safe_open

    index = _file(origin, _INDEX)
    names: dict[str, str] = {}
    if index is not None:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    elif (whole := _file(origin, _WHOLE)) is not None:
        with safe_open(whole, framework="pt") as file:
            names = dict.fromkeys(file.keys(), _WHOLE)
    ends = [full for full in names if full == name or full.endswith("." + name)]
    if not ends:
        return None
    chosen = name if name in names else ends[0]
    path = _file(origin, names[chosen])
    if path is None or (len(ends) > 1 and chosen != name):
        return None
    with safe_open(path, framework="pt") as file:
        found: Tensor = file.get_tensor(chosen)
    return found if found.is_floating_point() and found.dtype.itemsize > 1 and found.shape[-1] == width else None


def _file(origin: Origin, name: str) -> Path | None:
    """A file of the checkpoint; None if it has no file of that name."""
    if origin.source.local:
        path = Path(origin.source.location) / name
        return path if path.is_file() else None
    wanted = {key: value for key, value in origin.arguments.items() if key in ("revision", "local_files_only")}
    found = fetched(origin.source.location, name, **wanted)
    return None if found is None else Path(found)


def _from_gguf(origin: Origin) -> Tensor | None:
    import gguf
    import numpy as np

    from ..models.gguf import header_read_once

    path = Path(origin.source.location) / str(origin.source.gguf_file)
    with header_read_once():
        found = next((tensor for tensor in gguf.GGUFReader(path).tensors if tensor.name == _GGUF_NAME), None)
        if found is None:
            return None
        parts = [
            torch.from_numpy(np.array(gguf.dequantize(found.data[start : start + _ROWS], found.tensor_type)))
            for start in range(0, len(found.data), _ROWS)
        ]
    return torch.cat(parts)
