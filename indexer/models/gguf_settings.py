"""The settings of a GGUF file's model: every key that says how the model computes, as a setting of transformers.

transformers takes some of the keys and silently drops the rest (scaling of rotary embeddings, windows, caps, sizes of
experts). Here each key of an architecture is either taken, known to change nothing that is indexed, reported or refused
by name. A number that the file leaves out is the one that llama.cpp then takes, not the default of transformers' class.
Sources: llama.cpp's conversion scripts (what they write) and its src/llama-model.cpp (what it reads).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import GluscopeError
from .gguf_architectures import ELSEWHERE, Architecture, Settings, architecture_of
from .gguf_file import GgufFile

_NEEDED = ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count")
_HARMLESS = frozenset(
    {
        *("attention.value_length", "rope.dimension_count", "rope.freq_base"),  # compared or used below
        *("rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length"),
        *("rope.scaling.attn_factor", "rope.scaling.finetuned"),
        *("rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor"),
        *("attention.causal", "pooling_type", "logit_scale", "tensor_data_layout"),
    }
)
_TELLING = ("attention.", "rope.", "expert", "scale", "softcap", "clamp", "swiglu", "altup", "ssm.", "residual")
"""Parts of the names of keys that change values. Such a key is refused if nothing uses it; other keys give a notice."""


def settings_of(file: GgufFile, raw: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The settings of the model in `file`, from those that transformers read, and notices about them.

    GluscopeError: an architecture that isn't read, a key that is missing, contradicts another or has no place.
    """
    known = architecture_of(file)
    keys = file.of_model()
    if known.settled:
        return raw, _unused(file, keys, known)
    for key in (*_NEEDED, *(key for key in known.keys if key.endswith("epsilon"))):
        if key not in keys:
            raise GluscopeError(f"{file.path.name} lacks the key {file.architecture}.{key}", ELSEWHERE)
    if not keys.get("attention.causal", True):
        raise GluscopeError(f"tokens of {file.path.name} see those after them; transformers' class doesn't", ELSEWHERE)
    settings = dict(raw)
    for key, value in _completed(file, keys, known).items():
        settings[known.keys[key]] = value
    if not known.by_layer:
        _heads(file, keys, settings, known)
    settings |= _rotation(file, keys, settings)
    for part, setting in known.biases.items():
        settings[setting] = any(part in name and name.endswith(".bias") for name in file.tensors)
    known.adjust(settings, keys, file)
    return settings, _unused(file, keys, known)


def _completed(file: GgufFile, keys: Mapping[str, Any], known: Architecture) -> dict[str, Any]:
    """The keys that have a setting, with llama.cpp's values for missing ones."""
    found = {key: _single(file, key, keys[key]) for key in known.keys if key in keys}
    if "attention.head_count_kv" in known.keys:
        found.setdefault("attention.head_count_kv", found["attention.head_count"])
    if "attention.key_length" in known.keys:
        found.setdefault("attention.key_length", found["embedding_length"] // max(1, found["attention.head_count"]))
    return found


def _single(file: GgufFile, key: str, value: Any) -> Any:
    """A number; a list of one number a layer, all alike, is that number."""
    if isinstance(value, list) and value and all(each == value[0] for each in value):
        value = value[0]
    if not isinstance(value, (int, float)):
        raise GluscopeError(f"{file.architecture}.{key} of {file.path.name} differs by layer", ELSEWHERE)
    return value


def _heads(file: GgufFile, keys: Mapping[str, Any], settings: Settings, known: Architecture) -> None:
    """Compare the sizes of heads: transformers has one for keys and values, and rotates the whole head by default."""
    size = settings.get("head_dim") or settings["hidden_size"] // settings["num_attention_heads"]
    if (other := keys.get("attention.value_length", size)) != size:
        raise GluscopeError(f"{file.path.name} has heads of {size} for keys and {other} for values", ELSEWHERE)
    rotated = keys.get("rope.dimension_count", size)
    if rotated == size:
        return
    if not known.partial:
        raise GluscopeError(f"{file.path.name} rotates {rotated} of the {size} numbers of a head", ELSEWHERE)
    settings["partial_rotary_factor"] = rotated / size


def _rotation(file: GgufFile, keys: Mapping[str, Any], settings: Settings) -> Settings:
    """Base and scaling of the rotary embedding. GluscopeError for a scaling that transformers has no form for."""
    found: Settings = {"rope_theta": keys.get("rope.freq_base", 10_000.0)}
    attention = keys.get("rope.scaling.attn_factor", 1.0)
    if attention != 1.0 and "rope.scaling.attn_factor" not in architecture_of(file).own:
        raise GluscopeError(f"{file.path.name} has rope.scaling.attn_factor {attention:g}", ELSEWHERE)
    kind = keys.get("rope.scaling.type", "none")
    factor = keys.get("rope.scaling.factor", 0.0)
    if kind == "linear" and factor:
        found["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    elif kind == "yarn" and factor:
        found["rope_scaling"] = _yarn(file, keys, settings, factor)
    elif kind not in ("none", "linear", "yarn") or (kind == "none" and factor not in (0.0, 1.0)):
        raise GluscopeError(
            f"{file.path.name} scales its rotary embedding by {kind!r} with a factor of {factor:g}", ELSEWHERE
        )
    return found


def _yarn(file: GgufFile, keys: Mapping[str, Any], settings: Settings, factor: float) -> Settings:
    if (value := keys.get("rope.scaling.yarn_ext_factor", 1.0)) not in (1.0, -1.0):
        raise GluscopeError(f"{file.path.name} has rope.scaling.yarn_ext_factor {value:g}", ELSEWHERE)
    return {
        "rope_type": "yarn",
        "factor": factor,
        "original_max_position_embeddings": keys.get(
            "rope.scaling.original_context_length", settings["max_position_embeddings"]
        ),
        "beta_fast": keys.get("rope.scaling.yarn_beta_fast", 32.0),
        "beta_slow": keys.get("rope.scaling.yarn_beta_slow", 1.0),
    }


def _unused(file: GgufFile, keys: Mapping[str, Any], known: Architecture) -> tuple[str, ...]:
    """Notices of keys that nothing uses. GluscopeError if one of them changes values."""
    left = sorted(keys.keys() - known.keys.keys() - known.own - _HARMLESS)
    if grave := [key for key in left if any(part in key for part in _TELLING)]:
        raise GluscopeError(
            f"{file.path.name} has keys that transformers has no place for: {_listed(file.architecture, grave)}",
            ELSEWHERE,
        )
    return (f"keys of the file that nothing uses: {_listed(file.architecture, left)}",) if left else ()


def _listed(front: str, keys: list[str]) -> str:
    shown = ", ".join(f"{front}.{key}" for key in keys[:4])
    return f"{shown} and {len(keys) - 4} more" if len(keys) > 4 else shown
