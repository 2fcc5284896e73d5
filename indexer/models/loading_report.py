"""Compares the weights in the files with those that the model took: none is made up, none is silently left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..errors import GluscopeError
from ..library_errors import in_a_line
from .gguf_architectures import ROTARY_FACTORS, architecture_of
from .gguf_file import GgufFile

_RECOMPUTED = ("inv_freq", "position_ids", "masked_bias", "attn.bias", "attention.bias")
"""Ends of the names of tensors that older checkpoints keep although the model computes them."""

_ROTARY = frozenset({ROTARY_FACTORS, "rope_factors_short.weight", "rope_factors_long.weight"})
"""Tensors of a GGUF file that are read into the settings or the rotary embedding."""


def demand_whole(name: str, model: nn.Module, body: nn.Module, report: dict[str, Any]) -> tuple[str, ...]:
    """Compare a folder's weights with the model that was made for them. Returns notices of unused weights.

    GluscopeError if the body lacks a weight, if one doesn't fit, or if it has no place for one that belongs to a part
    it has (the biases of a map that has none by config.json). The report names weights as `model` does.
    """
    prefix = next(path for path, module in model.named_modules() if module is body)
    prefix = f"{prefix}." if prefix else ""
    faults = {
        "are missing": sorted(str(key) for key in report["missing_keys"]),
        "have another shape": sorted(str(entry[0]) for entry in report["mismatched_keys"]),
    }
    for fault, names in faults.items():
        if wanted := [key for key in names if key.startswith(prefix)]:
            raise GluscopeError(
                f"weights that config.json of {name} announces {fault}: {len(wanted)}, such as {_shown(wanted)}",
                "its values would be random: download or save the model again",
            )
    return _left_over(name, body, prefix, sorted(str(key) for key in report["unexpected_keys"]))


def _left_over(name: str, body: nn.Module, prefix: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Notices of weights without a place. GluscopeError for those of parts that the body has."""
    parts = {path for path, _ in body.named_modules() if path}
    homeless = []
    for key in keys:
        if key.endswith(_RECOMPUTED):
            continue
        inner = key.removeprefix(prefix)
        ends = [inner, *([inner.partition(".")[2]] if "." in inner else [])]  # a checkpoint with head names `model.`
        if any(end.rpartition(".")[0] in parts for end in ends):
            homeless.append(key)
    if homeless:
        raise GluscopeError(
            f"config.json of {name} has no place for {len(homeless)} of its weights, such as {_shown(homeless)}",
            "values would be wrong without them: correct config.json (is a setting like mlp_bias missing?)",
        )
    heads = ("lm_head.", "embed_out.", "score.", "classifier.", "cls.", "pooler.", "lm_head_", "qa_outputs.")
    other = [key for key in keys if not key.endswith(_RECOMPUTED) and not key.startswith(heads)]
    return (f"weights that the model's body doesn't have: {len(other)}, such as {_shown(other)}",) if other else ()


def demand_whole_gguf(
    file: GgufFile, model: nn.Module, body: nn.Module, report: dict[str, Any], names: Mapping[str, str] | None
) -> None:
    """Compare the tensors of a GGUF file with those that `model` took, by transformers' table of their names
    (file -> model; None: the report tells).

    A tensor whose name in the table lacks its ending is loaded here. A bias that the file lacks is 0, as in
    llama.cpp. GluscopeError for a weight that is missing and a tensor without a place.
    """
    loaded = set() if names is None else _take(file, model, names)
    missing = [str(key) for key in report["missing_keys"] if str(key) not in loaded]
    parameters = dict(body.named_parameters())
    for key in missing:
        inner = next((path for path in parameters if key == path or key.endswith(f".{path}")), None)
        if inner is None:
            continue  # of the head, which isn't kept
        if not inner.endswith(".bias"):
            raise GluscopeError(
                f"{file.path.name} lacks {len(missing)} weights of its architecture, such as {_shown(missing)}",
                "download it again, or use the model's safetensors form",
            )
        with torch.no_grad():
            parameters[inner].zero_()
    if wrong := sorted(str(entry[0]) for entry in report["mismatched_keys"]):
        raise GluscopeError(
            f"{file.path.name} has {len(wrong)} weights of another shape than its keys say, such as {_shown(wrong)}",
            "download it again, or use the model's safetensors form",
        )
    if names is None:
        unused = sorted(str(key) for key in report["unexpected_keys"])
    else:
        unused = [name for name in file.tensors if name not in names and _base(name) not in names]
    unused = [name for name in unused if name not in _ROTARY]
    if unused:
        raise GluscopeError(
            f"transformers has no place for {len(unused)} tensors of {file.path.name}, such as {_shown(unused)}",
            "values would be wrong without them: use the model's safetensors form",
        )


_EXPERTS = ("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps")
"""Ends of the names of stacked experts, which transformers joins as it loads them."""


def _base(name: str) -> str:
    return name.removesuffix(".weight")


def _take(file: GgufFile, model: nn.Module, names: Mapping[str, str]) -> set[str]:
    """Load tensors that transformers leaves out because its table lacks `.weight`; returns the loaded weights."""
    state = model.state_dict()
    found = set()
    for name in file.tensors:
        if name in names or _base(name) not in names or _base(name).endswith(_EXPERTS):
            continue
        key = names[_base(name)]
        with torch.no_grad():
            state[key].copy_(torch.from_numpy(file.numbers(name)).reshape(state[key].shape))
        found.add(key)
    return found


def apply_rotary_factors(file: GgufFile, body: nn.Module) -> None:
    """Divide the frequencies of the rotary embedding by the file's factors, as llama.cpp does (Llama 3.1 and later)."""
    if ROTARY_FACTORS not in file.tensors or not architecture_of(file).rotary_factors:
        return
    factors = torch.from_numpy(file.numbers(ROTARY_FACTORS))  # frequency
    holders = [module for module in body.modules() if isinstance(getattr(module, "inv_freq", None), torch.Tensor)]
    if not holders or any(holder.inv_freq.shape != factors.shape for holder in holders):
        raise GluscopeError(
            f"{file.path.name} scales {len(factors)} frequencies of the rotary embedding; the model has others",
            "use the model's safetensors form",
        )
    for holder in holders:
        for buffer in ("inv_freq", "original_inv_freq"):
            if isinstance(held := getattr(holder, buffer, None), torch.Tensor):
                setattr(holder, buffer, held / factors.to(held.device, held.dtype))


def demand_values(name: str, body: nn.Module) -> None:
    """GluscopeError if all weights of the first matrix are 0: no later value would mean anything."""
    for path, parameter in body.named_parameters():
        if parameter.dim() > 1 and parameter.is_floating_point() and not parameter.is_meta:
            if not bool(parameter.any()):
                raise GluscopeError(
                    f"all values of {path} of {name} are 0", "download the model again: its weights were never written"
                )
            return


def _shown(names: Sequence[str]) -> str:
    return in_a_line(names[0])
