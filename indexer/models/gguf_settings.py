"""The settings of a GGUF file's model: every key of the file that says how the model computes, as transformers has it.

transformers takes some of them and drops the rest without a word (scaling of rotary embeddings, windows, caps, sizes of
experts). Here each key of an architecture is either taken, known to change nothing that is indexed, told or refused by
name. A number that the file leaves out is the one that llama.cpp takes then, not the default of transformers' class.
Sources: llama.cpp's conversion scripts (what they write) and its src/llama-model.cpp (what it reads).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import GluscopeError
from ..library_errors import in_a_line
from .gguf_file import GgufFile

Settings = dict[str, Any]

_ELSEWHERE = "use the model's safetensors form"
_NEEDED = ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count")
_USUAL = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "vocab_size": "vocab_size",
}
_EXPERTS = {
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
}
_HARMLESS = frozenset(
    {
        *("attention.value_length", "rope.dimension_count", "rope.freq_base"),  # compared or taken below
        *("rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length"),
        *("rope.scaling.attn_factor", "rope.scaling.finetuned"),
        *("rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor"),
        *("attention.causal", "pooling_type", "logit_scale", "tensor_data_layout", "use_parallel_residual"),
    }
)
_TELLING = ("attention.", "rope.", "expert", "scale", "softcap", "clamp", "swiglu", "altup", "ssm.", "residual")
"""Parts of the names of keys that change values: one that nothing uses is refused, others are told."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """How the keys of an architecture become settings of transformers."""

    keys: Mapping[str, str]  # key -> setting
    adjust: Callable[[Settings, Mapping[str, Any], GgufFile], None] = lambda *_: None
    biases: Mapping[str, str] = field(default_factory=dict)  # part of a tensor's name -> the setting that gives a place
    partial: bool = False  # only a part of a head may be rotated
    own: frozenset[str] = frozenset()  # keys that `adjust` reads


def architecture_of(file: GgufFile) -> Architecture:
    """How a file is read; GluscopeError for an architecture that isn't."""
    if (known := ARCHITECTURES.get(file.architecture)) is None:
        named = in_a_line(file.architecture) or "(it names none)"
        raise GluscopeError(f"gluscope doesn't read GGUF files of the architecture {named}", _ELSEWHERE)
    return known


def settings_of(file: GgufFile, raw: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The settings of the model in `file`, from those that transformers made of it, and what is to be told of them.

    GluscopeError: an architecture that isn't read, a key that is missing, contradicts another or has no place.
    """
    known = architecture_of(file)
    keys = file.of_model()
    for key in _NEEDED:
        if key not in keys:
            raise GluscopeError(f"{file.path.name} lacks the key {file.architecture}.{key}", _ELSEWHERE)
    settings = dict(raw)
    for key, value in _completed(file, keys, known).items():
        settings[known.keys[key]] = value
    _heads(file, keys, settings, known)
    settings |= _rotation(file, keys, settings)
    for part, setting in known.biases.items():
        settings[setting] = any(part in name and name.endswith(".bias") for name in file.tensors)
    known.adjust(settings, keys, file)
    return settings, _unused(file, keys, known)


def _completed(file: GgufFile, keys: Mapping[str, Any], known: Architecture) -> dict[str, Any]:
    """The keys that have a setting, with what llama.cpp takes for one that isn't there."""
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
        raise GluscopeError(f"{file.architecture}.{key} of {file.path.name} differs by layer", _ELSEWHERE)
    return value


def _heads(file: GgufFile, keys: Mapping[str, Any], settings: Settings, known: Architecture) -> None:
    """Compare the sizes of heads: transformers has one for keys and values, and rotates the whole unless told."""
    size = settings.get("head_dim") or settings["hidden_size"] // settings["num_attention_heads"]
    if (other := keys.get("attention.value_length", size)) != size:
        raise GluscopeError(f"{file.path.name} has heads of {size} for keys and {other} for values", _ELSEWHERE)
    rotated = keys.get("rope.dimension_count", size)
    if rotated == size:
        return
    if not known.partial:
        raise GluscopeError(f"{file.path.name} rotates {rotated} of the {size} numbers of a head", _ELSEWHERE)
    settings["partial_rotary_factor"] = rotated / size


def _rotation(file: GgufFile, keys: Mapping[str, Any], settings: Settings) -> Settings:
    """Base and scaling of the rotary embedding. GluscopeError for a scaling that transformers has no form for."""
    found: Settings = {"rope_theta": keys.get("rope.freq_base", 10_000.0)}
    kind = keys.get("rope.scaling.type", "none")
    factor = keys.get("rope.scaling.factor", 0.0)
    if kind == "linear" and factor:
        found["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    elif kind == "yarn" and factor:
        found["rope_scaling"] = _yarn(file, keys, settings, factor)
    elif kind not in ("none", "linear", "yarn") or (kind == "none" and factor not in (0.0, 1.0)):
        raise GluscopeError(
            f"{file.path.name} scales its rotary embedding by {kind!r} with a factor of {factor:g}", _ELSEWHERE
        )
    return found


def _yarn(file: GgufFile, keys: Mapping[str, Any], settings: Settings, factor: float) -> Settings:
    for key, usual in {"yarn_ext_factor": 1.0, "attn_factor": 1.0}.items():
        if (value := keys.get(f"rope.scaling.{key}", usual)) not in (usual, -1.0):
            raise GluscopeError(f"{file.path.name} has rope.scaling.{key} {value:g}", _ELSEWHERE)
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
    """Notices of keys that nothing uses. GluscopeError where one of them changes values."""
    left = sorted(keys.keys() - known.keys.keys() - known.own - _HARMLESS)
    if grave := [key for key in left if any(part in key for part in _TELLING)]:
        raise GluscopeError(
            f"{file.path.name} has keys that transformers has no place for: {_listed(file.architecture, grave)}",
            _ELSEWHERE,
        )
    return (f"keys of the file that nothing uses: {_listed(file.architecture, left)}",) if left else ()


def _listed(front: str, keys: list[str]) -> str:
    shown = ", ".join(f"{front}.{key}" for key in keys[:4])
    return f"{shown} and {len(keys) - 4} more" if len(keys) > 4 else shown


def _phi3(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    """Phi-3: one matrix each for two or three of other models; rotary factors for short and for long contexts."""
    settings["sliding_window"] = keys.get("attention.sliding_window") or None  # 0: Phi-4, without
    original = keys.get("rope.scaling.original_context_length", settings["max_position_embeddings"])
    settings["original_max_position_embeddings"] = original
    names = {kind: f"rope_factors_{kind}.weight" for kind in ("short", "long")}
    if not any(name in file.tensors for name in names.values()):
        return
    rope = {f"{kind}_factor": [float(each) for each in file.numbers(name)] for kind, name in names.items()}
    usual = _longrope_attention(settings["max_position_embeddings"] / original, original)
    stated = keys.get("rope.scaling.attn_factor", usual)
    settings["rope_scaling"] = {
        "rope_type": "longrope",
        "original_max_position_embeddings": original,
        **rope,
        **({} if math.isclose(stated, usual, rel_tol=1e-6) else {"attention_factor": stated}),
    }


def _longrope_attention(scale: float, original: int) -> float:
    """The factor of attention that LongRoPE has for a context `scale` times as long as the `original`."""
    return math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0


def _gemma(layers_of_27b: int) -> Callable[[Settings, Mapping[str, Any], GgufFile], None]:
    def adjust(settings: Settings, _keys: Mapping[str, Any], _file: GgufFile) -> None:
        """What scales queries is in no key: the size of a head, but for the 27B model, known by its layers."""
        large = settings["num_hidden_layers"] == layers_of_27b
        width = settings["hidden_size"] // settings["num_attention_heads"]
        settings["query_pre_attn_scalar"] = width if large else settings["head_dim"]

    return adjust


def _stablelm(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    settings["use_parallel_residual"] = bool(
        keys.get("use_parallel_residual", not any(".ffn_norm." in name for name in file.tensors))
    )
    settings["qk_layernorm"] = any(".attn_q_norm." in name for name in file.tensors)


def _normalised(settings: Settings, _keys: Mapping[str, Any], _file: GgufFile) -> None:
    settings["norm_topk_prob"] = True  # llama.cpp's code of the architecture, in no key


def _not_normalised(settings: Settings, _keys: Mapping[str, Any], file: GgufFile) -> None:
    settings["norm_topk_prob"] = False
    if "shared_expert_intermediate_size" not in settings:  # older files: by the tensor itself
        shape = file.tensors.get("blk.0.ffn_gate_shexp.weight", (0, 0))
        settings["shared_expert_intermediate_size"] = shape[0]


def _lfm2(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    """LFM2: heads a layer, of which those without are convolutions; the width is final."""
    heads = keys.get("attention.head_count_kv")
    if not isinstance(heads, list) or len(heads) != settings["num_hidden_layers"] or not any(heads):
        raise GluscopeError(f"{file.path.name} doesn't say which of its layers attend", _ELSEWHERE)
    settings["num_key_value_heads"] = max(heads)
    settings["layer_types"] = ["full_attention" if each else "conv" for each in heads]
    settings["block_auto_adjust_ff_dim"] = False
    settings["conv_bias"] = any(name.endswith("shortconv.in_proj.bias") for name in file.tensors)


def _minimax(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    if keys.get("expert_gating_func", _SIGMOID) != _SIGMOID:
        raise GluscopeError(f"{file.path.name} weighs experts by another function than a sigmoid", _ELSEWHERE)
    if keys.get("expert_feed_forward_length", settings["intermediate_size"]) != settings["intermediate_size"]:
        raise GluscopeError(f"{file.path.name} has dense layers beside its experts", _ELSEWHERE)


_SIGMOID = 2  # llama.cpp's number
_WINDOW = {"attention.sliding_window": "sliding_window"}
_CAPS = {"attn_logit_softcapping": "attn_logit_softcapping", "final_logit_softcapping": "final_logit_softcapping"}
_NOT_LFM2 = ("head_dim", "rms_norm_eps", "num_key_value_heads")
_ATTENTION_BIAS = {"attn_": "attention_bias"}

ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(_USUAL, biases={**_ATTENTION_BIAS, "ffn_": "mlp_bias"}),
    "qwen2": Architecture({key: setting for key, setting in _USUAL.items() if setting != "head_dim"}),
    "qwen3": Architecture(_USUAL, biases=_ATTENTION_BIAS),
    "qwen2moe": Architecture(
        {
            **{key: setting for key, setting in _USUAL.items() if setting != "head_dim"},
            **_EXPERTS,
            "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
        },
        _not_normalised,
        biases={"attn_": "qkv_bias"},
    ),
    "qwen3moe": Architecture({**_USUAL, **_EXPERTS}, _normalised, biases=_ATTENTION_BIAS),
    "phi3": Architecture({**_USUAL, **_WINDOW}, _phi3, partial=True),
    "gemma2": Architecture({**_USUAL, **_WINDOW, **_CAPS}, _gemma(46), biases=_ATTENTION_BIAS),
    "gemma3": Architecture({**_USUAL, **_WINDOW, **_CAPS}, _gemma(62), biases=_ATTENTION_BIAS),
    "stablelm": Architecture(
        {
            **{key: setting for key, setting in _USUAL.items() if setting not in ("head_dim", "rms_norm_eps")},
            "attention.layer_norm_epsilon": "layer_norm_eps",
        },
        _stablelm,
        biases={"attn_": "use_qkv_bias"},
        partial=True,
    ),
    "lfm2": Architecture(
        {
            **{key: setting for key, setting in _USUAL.items() if setting not in _NOT_LFM2},
            "attention.layer_norm_rms_epsilon": "norm_eps",
            "shortconv.l_cache": "conv_L_cache",
        },
        _lfm2,
        own=frozenset({"attention.head_count_kv"}),
    ),
    "minimax-m2": Architecture(
        {**_USUAL, "expert_count": "num_local_experts", "expert_used_count": "num_experts_per_tok"},
        _minimax,
        partial=True,
        own=frozenset({"expert_gating_func", "expert_feed_forward_length"}),
    ),
}
"""llama.cpp's name of an architecture -> how its files are read: each proven against the model's safetensors form."""
