"""Checks a model's settings before anything is built from them: types, plausible sizes, and no way to run code.

config.json is written by others. transformers builds whatever it says: a million layers, a table of labels for a
billion classes, attention from a kernel that is fetched from the hub. So it is checked as plain data first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import GluscopeError
from ..library_errors import in_a_line

_DEEPEST = 24  # levels; multimodal models have 4
_MOST = 2_000_000  # values; tables of image tokens have some 100,000
_FIX = "save the model again, or correct config.json"

_LIMITS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            *("num_hidden_layers", "num_layers", "n_layer", "n_layers", "num_decoder_layers", "num_encoder_layers"),
            *("encoder_layers", "decoder_layers", "num_blocks", "depth", "num_nextn_predict_layers"),
        ),
        (0, 4_096),
    ),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_head", "n_heads"), (1, 65_536)),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "encoder_attention_heads"), (0, 65_536)),
    **dict.fromkeys(
        ("hidden_size", "d_model", "n_embd", "embedding_dim", "intermediate_size", "d_ff", "ffn_dim"),
        (1, 1 << 24),
    ),
    "head_dim": (0, 1 << 24),  # GLM-5 Next calls the rotated part of a head so, of which it has none
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), (0, 1 << 24)),
    **dict.fromkeys(
        ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "n_shared_experts"), (0, 65_536)
    ),
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), (1, 1 << 28)),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), (1, 1 << 40)),
    "num_labels": (0, 1 << 20),
}
"""Setting -> the least and the most that a model could have; also for each entry of a list."""

_ENDLESS = "time_step"  # the start of settings of state-space models that may be infinite

_CODE = frozenset(
    {
        *("_attn_implementation", "attn_implementation", "_attn_implementation_internal"),
        *("_attn_implementation_autoset", "_experts_implementation", "experts_implementation"),
        *("_experts_implementation_internal", "attn_config_implementation", "kernel_config", "use_kernels"),
        *("fusion_config", "distributed_config", "custom_generate", "transformers_weights", "device_mesh"),
    }
)
"""Settings that choose what code runs, or which files are opened: gluscope's choice, never the file's."""


def checked(raw: Any, name: str) -> dict[str, Any]:
    """The settings of the model `name` without those that choose code. GluscopeError for what can't be a model's."""
    if not isinstance(raw, dict):
        raise GluscopeError(f"config.json of {name} is not an object of settings", _FIX)
    for number, (path, key, value) in enumerate(_values(raw, "", 0, name)):
        if number >= _MOST:
            raise GluscopeError(f"config.json of {name} holds more than {_MOST:,} values", _FIX)
        _check(path, key, value, name)
    return {key: _without_code(part) for key, part in raw.items() if key not in _CODE}


def _values(value: Any, path: str, depth: int, name: str, key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every value with its path and the name of the setting that it belongs to."""
    if depth > _DEEPEST:
        raise GluscopeError(f"config.json of {name} is nested more than {_DEEPEST} levels deep", _FIX)
    yield path, key, value
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _values(part, f"{path}.{inner}" if path else str(inner), depth + 1, name, str(inner))
    elif isinstance(value, list):
        for part in value:
            yield from _values(part, path, depth + 1, name, key)


def _check(path: str, key: str, value: Any, name: str) -> None:
    if isinstance(value, float) and not math.isfinite(value) and not (key.startswith(_ENDLESS) and value > 0):
        raise _wrong(name, path, value, "is not a possible number")
    if key not in _LIMITS or value is None or isinstance(value, list):
        return
    least, most = _LIMITS[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, path, value, "has to be a whole number")
    if not least <= value <= most:
        raise _wrong(name, path, value, f"has to be from {least:,} to {most:,}")


def _wrong(name: str, path: str, value: Any, what: str) -> GluscopeError:
    shown = in_a_line(f"{path} = {value!r}"[:200])
    return GluscopeError(f"config.json of {name}: {shown}, which {what}", _FIX)


def _without_code(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_code(part) for key, part in value.items() if key not in _CODE}
    if isinstance(value, list):
        return [_without_code(part) for part in value]
    return value
