"""The architectures of GGUF files that can be read: which of their keys are which settings of transformers.

To add one: an entry in `ARCHITECTURES`, and in `CONFIGS` of tests/support/gguf_files.py the settings of a tiny
model with the keys and changes of values that llama.cpp's conversion script writes. The tests then compare its values
with those of the model's folder, and fail for an entry without settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import GluscopeError
from ..library_errors import in_a_line
from ..sites.refuse import SUPPORTED
from .gguf_file import GgufFile

Settings = dict[str, Any]

ROTARY_FACTORS = "rope_freqs.weight"
ELSEWHERE = "use the model's safetensors form"


@dataclass(frozen=True, slots=True)
class Architecture:
    """The way that the keys of an architecture become settings of transformers."""

    keys: Mapping[str, str]  # key -> setting
    adjust: Callable[[Settings, Mapping[str, Any], GgufFile], None] = lambda *_: None
    biases: Mapping[str, str] = field(default_factory=dict)  # part of a tensor's name -> the setting that gives a place
    partial: bool = False  # only a part of a head may be rotated
    own: frozenset[str] = frozenset()  # keys that `adjust` reads, or transformers does
    by_layer: bool = False  # heads differ by layer, and `adjust` says how
    rotary_factors: bool = True  # factors of frequencies divide those of all layers; False: `adjust` takes them
    settled: bool = False  # transformers' newer reader takes all of `own`: its settings are kept unchanged


def architecture_of(file: GgufFile) -> Architecture:
    """The way to read a file; GluscopeError for an architecture that can't be read."""
    if file.architecture in NOT_GATED:
        raise GluscopeError(f"{file.architecture} models can't be indexed: their MLPs are not gated", SUPPORTED)
    if (known := ARCHITECTURES.get(file.architecture)) is None:
        named = in_a_line(file.architecture) or "(it names none)"
        raise GluscopeError(f"gluscope doesn't read GGUF files of the architecture {named}", ELSEWHERE)
    return known


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


def _llama(settings: Settings, _keys: Mapping[str, Any], _file: GgufFile) -> None:
    settings["model_type"] = "llama"  # transformers takes a file named mistral for another class, with a window


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
        """No key holds the scale of queries: it is the size of a head, except in the 27B model, known by its layers."""
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


def _gemma4(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    """Gemma 4: layers of two kinds, each with its own heads; the last share keys and values and may be twice as wide.

    Global layers turn a part of each head: the file writes 1 for a frequency that turns and a huge factor for others.
    """
    layers = settings["num_hidden_layers"]
    local = keys.get("attention.sliding_window_pattern")
    if not isinstance(local, list) or len(local) != layers:
        raise GluscopeError(f"{file.path.name} doesn't say which of its layers see a window", ELSEWHERE)
    settings["layer_types"] = ["sliding_attention" if each else "full_attention" for each in local]
    whole = keys.get("attention.key_length", settings["hidden_size"] // settings["num_attention_heads"])
    settings |= {"global_head_dim": whole, "head_dim": keys.get("attention.key_length_swa", whole)}
    settings["num_kv_shared_layers"] = keys.get("attention.shared_kv_layers", 0)
    settings["hidden_size_per_layer_input"] = keys.get("embedding_length_per_layer_input", 0)
    settings["vocab_size_per_layer_input"] = file.tensors.get("per_layer_token_embd.weight", (settings["vocab_size"],))[
        0
    ]
    widths = keys["feed_forward_length"]
    widths = widths if isinstance(widths, list) else [widths] * layers
    own = layers - settings["num_kv_shared_layers"]
    settings["intermediate_size"] = widths[0]
    settings["use_double_wide_mlp"] = widths[-1] == 2 * widths[0]
    if widths != [widths[0]] * own + [widths[-1]] * (layers - own) or widths[-1] not in (widths[0], 2 * widths[0]):
        raise GluscopeError(f"{file.path.name} has widths of layers that transformers has no form for", ELSEWHERE)
    heads = keys.get("attention.head_count_kv", settings["num_attention_heads"])
    by_kind = dict(zip(settings["layer_types"], heads if isinstance(heads, list) else [heads] * layers, strict=True))
    settings["num_key_value_heads"] = by_kind.get("sliding_attention", next(iter(by_kind.values())))
    if (full := by_kind.get("full_attention")) not in (None, settings["num_key_value_heads"]):
        settings["num_global_key_value_heads"] = full
    wide = [place for place in range(own) if settings["layer_types"][place] == "full_attention"]
    settings["attention_k_eq_v"] = any(f"blk.{place}.attn_v.weight" not in file.tensors for place in wide)
    settings["rope_parameters"] = {
        "sliding_attention": {"rope_type": "default", "rope_theta": keys.get("rope.freq_base_swa", 10_000.0)},
        "full_attention": {
            "rope_type": "proportional",
            "rope_theta": keys.get("rope.freq_base", 1_000_000.0),
            "partial_rotary_factor": _turning(file),
        },
    }
    if (turned := keys.get("rope.dimension_count_swa", settings["head_dim"])) != settings["head_dim"]:
        settings["rope_parameters"]["sliding_attention"]["partial_rotary_factor"] = turned / settings["head_dim"]
    settings.pop("rope_theta", None)
    settings.pop("rope_scaling", None)


def _turning(file: GgufFile) -> float:
    """The share of a global head's frequencies that turn."""
    if ROTARY_FACTORS not in file.tensors:
        return 1.0
    factors = file.numbers(ROTARY_FACTORS)
    turning = int((factors == 1).sum())
    if not bool((factors[:turning] == 1).all() and (factors[turning:] > 1e20).all()):
        raise GluscopeError(f"{file.path.name} scales frequencies of its global layers", ELSEWHERE)
    return turning / len(factors)


def _lfm2(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    """LFM2: heads for each layer; layers without heads are convolutions; the width is final."""
    heads = keys.get("attention.head_count_kv")
    if not isinstance(heads, list) or len(heads) != settings["num_hidden_layers"] or not any(heads):
        raise GluscopeError(f"{file.path.name} doesn't say which of its layers attend", ELSEWHERE)
    settings["num_key_value_heads"] = max(heads)
    settings["layer_types"] = ["full_attention" if each else "conv" for each in heads]
    settings["block_auto_adjust_ff_dim"] = False
    settings["conv_bias"] = any(name.endswith("shortconv.in_proj.bias") for name in file.tensors)


def _minimax(settings: Settings, keys: Mapping[str, Any], file: GgufFile) -> None:
    if keys.get("expert_gating_func", _SIGMOID) != _SIGMOID:
        raise GluscopeError(f"{file.path.name} weighs experts by another function than a sigmoid", ELSEWHERE)
    if keys.get("expert_feed_forward_length", settings["intermediate_size"]) != settings["intermediate_size"]:
        raise GluscopeError(f"{file.path.name} has dense layers beside its experts", ELSEWHERE)


_SHARED_WIDTH = "expert_shared_feed_forward_length"
_QWEN35 = frozenset(
    {
        *("context_length", "embedding_length", "block_count", "feed_forward_length", "nextn_predict_layers"),
        *("attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length"),
        *("attention.layer_norm_rms_epsilon", "full_attention_interval", "rope.dimension_sections"),
        *("ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.time_step_rank", "ssm.inner_size"),
    }
)
_SIGMOID = 2  # llama.cpp's number
_WINDOW = {"attention.sliding_window": "sliding_window"}
_CAPS = {"attn_logit_softcapping": "attn_logit_softcapping", "final_logit_softcapping": "final_logit_softcapping"}
_NOT_GEMMA4 = ("intermediate_size", "num_key_value_heads", "head_dim")
_NOT_LFM2 = ("head_dim", "rms_norm_eps", "num_key_value_heads")
_ATTENTION_BIAS = {"attn_": "attention_bias"}

ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(_USUAL, _llama, biases={**_ATTENTION_BIAS, "ffn_": "mlp_bias"}),
    "qwen2": Architecture({key: setting for key, setting in _USUAL.items() if setting != "head_dim"}),
    "qwen3": Architecture(_USUAL, biases=_ATTENTION_BIAS),
    "qwen2moe": Architecture(
        {
            **{key: setting for key, setting in _USUAL.items() if setting != "head_dim"},
            **_EXPERTS,
            _SHARED_WIDTH: "shared_expert_intermediate_size",
        },
        _not_normalised,
        biases={"attn_": "qkv_bias"},
    ),
    "qwen3moe": Architecture({**_USUAL, **_EXPERTS}, _normalised, biases=_ATTENTION_BIAS),
    "phi3": Architecture({**_USUAL, **_WINDOW}, _phi3, partial=True, own=frozenset({"rope.scaling.attn_factor"})),
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
        own=frozenset({"use_parallel_residual"}),
    ),
    "gemma4": Architecture(
        {
            **{key: setting for key, setting in _USUAL.items() if setting not in _NOT_GEMMA4},
            **_WINDOW,
            "final_logit_softcapping": "final_logit_softcapping",
        },
        _gemma4,
        own=frozenset(
            {
                *("feed_forward_length", "attention.head_count_kv", "attention.key_length", "attention.key_length_swa"),
                *("attention.value_length_swa", "attention.sliding_window_pattern", "attention.shared_kv_layers"),
                *("embedding_length_per_layer_input", "rope.freq_base_swa", "rope.dimension_count_swa"),
            }
        ),
        by_layer=True,
        rotary_factors=False,
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
    "qwen35": Architecture({}, own=_QWEN35, settled=True),
    "qwen35moe": Architecture({}, own=_QWEN35 | _EXPERTS.keys() | {_SHARED_WIDTH}, settled=True),
}
"""llama.cpp's name of an architecture -> how its files are read: each proven against the model's safetensors form."""

NOT_GATED = frozenset(
    {
        *("gpt2", "gptj", "gptneox", "bloom", "falcon", "mpt", "phi2", "starcoder", "starcoder2", "nemotron", "arcee"),
        *("bert", "jais", "apertus"),
    }
)
"""Architectures whose MLPs have only one matrix upwards, so that another file format of the model doesn't help."""
