"""A tiny random model of every family of the installed transformers, made from the defaults of its config class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import transformers
from torch import nn

VOCABULARY = 320
LAYERS = 2
HIDDEN = 32
WIDTH = 40

_SMALL: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "embedding_dim", "embed_dim", "d_embed"), HIDDEN),
    **dict.fromkeys(("intermediate_size", "d_ff", "dim_ff", "ffn_dim", "ffn_hidden_size", "encoder_ffn_dim"), WIDTH),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size"), 16),
    **dict.fromkeys(("intermediate_size_mlp", "intermediate_size_dense_mlp", "dense_intermediate_size"), WIDTH),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "num_decoder_layers", "n_layer", "num_blocks"), LAYERS),
    **dict.fromkeys(("depth", "encoder_layers", "decoder_layers", "encoder_num_hidden_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_head", "encoder_attention_heads"), 2),
    **dict.fromkeys(("num_key_value_heads", "num_global_key_value_heads"), 2),
    **dict.fromkeys(("head_dim", "d_kv", "dim_head", "global_head_dim", "attention_head_dim"), 16),
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input", "text_vocab_size"), VOCABULARY),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_sequence_length"), 256),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk", "moe_top_k", "moe_k", "num_experts_per_token"), 2),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    **dict.fromkeys(("n_shared_experts", "moe_num_shared_experts", "num_shared_experts"), 1),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"), 16),
    "qk_head_dim": 32,
    **dict.fromkeys(("first_k_dense_replace", "num_dense_layers", "n_dense_layers", "moe_layer_start_index"), 1),
    **dict.fromkeys(("sliding_window", "local_attention", "attention_window_size", "attn_sliding_window"), 8),
    **dict.fromkeys(("image_size", "img_size"), 32),
    **dict.fromkeys(("patch_size", "spatial_patch_size"), 16),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "linear_head_dim", "mamba_chunk_size"), 8),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads", "linear_num_heads"), 2),
    **dict.fromkeys(("mamba_d_state", "mamba_d_ssm", "mamba_d_conv"), None),
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
"""Settings by name, for every family that has them; None leaves the default."""

_LINEAR = {"layer_types": ["linear_attention", "full_attention"]}
_MAMBA = {"attn_layer_indices": [1], "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_expand": 2}
_ROUTED = {"n_routed_experts": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2}
_GATED_T5 = {"feed_forward_proj": "gated-gelu"}
_SECTIONS = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}}
_HALF = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 2]}

SETTINGS: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {"n_group": 1, "topk_group": 1, "layer_group_size": 2},
    "bamba": _MAMBA,
    "chameleon": {"vocabulary_map": {"<image>": 5}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {**_SECTIONS["rope_parameters"]}}},
    "dbrx": {
        "attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0},
        "n_layers": 2,
        "n_heads": 2,
        "ffn_config": {"ffn_hidden_size": 40},
    },
    "deepseek_v2": {"num_experts_per_tok": 2, "n_group": 1, "topk_group": 1},
    "dots1": _ROUTED,
    "ernie4_5_vl_moe_text": {"rope_parameters": {**_SECTIONS["rope_parameters"], "mrope_section": [3, 3, 2]}},
    "emu3": {"vocabulary_map": {"<image>": 5}},
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 8}},
    "granite_docling": {"vision_config": {"out_hidden_size": 32}},
    "gemma3n_text": {
        **{"num_kv_shared_layers": 0, "intermediate_size": [40, 48], "activation_sparsity_pattern": [0.9, 0.0]},
        "laurel_rank": 8,
    },
    "glm4v_text": _SECTIONS,
    "glm_image_text": _SECTIONS,
    "glm_ocr_text": _SECTIONS,
    "glm4v_moe_text": {"rope_parameters": _HALF},
    "glm5_next_text": {"qk_rope_head_dim": 0, **_LINEAR},
    "granitemoehybrid": {**_MAMBA, "layer_types": ["mamba", "attention"], "num_local_experts": 0},
    "hunyuan_vl_text": _SECTIONS,
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "longt5": _GATED_T5,
    "mimo_v2_flash": {"head_dim": 24, "num_attention_heads": 8, "num_key_value_heads": 4},
    "mistral4": {"head_dim": 32},
    "molmo2": {"adapter_config": {"vision_feature_layer": [-1, -2]}},
    "mllama_text_model": {"num_hidden_layers": 3, "cross_attention_layers": [1]},
    "paddleocr_vl_text": _SECTIONS,
    "qwen2_vl_text": _SECTIONS,
    "qwen2_5_vl_text": _SECTIONS,
    "qwen2_5_omni_text": _SECTIONS,
    "qwen3_5_text": _LINEAR,
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
    "step3p5": {"sliding_window": 8},
    "t5": _GATED_T5,
    "zamba": {"num_hidden_layers": 4, "layer_types": ["mamba", "hybrid", "mamba", "hybrid"]},
    "zamba2": {"num_hidden_layers": 4, "layer_types": ["mamba", "hybrid", "mamba", "hybrid"]},
    "zaya": {"num_experts_per_tok": 1},
}
"""model_type -> what a family needs beside them."""


def families() -> dict[str, Any]:
    """model_type -> its config class, for every family with a body in transformers."""
    return {config.model_type: config for config in transformers.MODEL_MAPPING}


def tiny_config(config_class: Any, settings: Mapping[str, Any] | None = None) -> Any:
    """A configuration with everything small that its defaults name, its parts too, and no multiplier at 1."""
    own = dict(SETTINGS.get(config_class.model_type, {}) if settings is None else settings)
    default = _default(config_class, own)
    chosen: dict[str, Any] = {}
    for name, value in vars(default).items():
        if isinstance(value, transformers.PreTrainedConfig):
            chosen[name] = tiny_config(type(value), own.pop(name, None))
        elif name in own:
            continue
        elif name.endswith("multiplier") and isinstance(value, float):
            chosen[name] = 0.7
        elif name.endswith("multipliers") and isinstance(value, (list, tuple)):
            chosen[name] = [0.5 + 0.2 * place for place in range(len(value))]
        elif (small := _SMALL.get(name)) is not None and (type(value) is int or (value is None and name == "head_dim")):
            chosen[name] = small
    rope = getattr(default, "rope_parameters", None)
    if isinstance(rope, dict) and "mrope_section" in rope and "rope_parameters" not in own:
        chosen["rope_parameters"] = {**rope, "mrope_section": _sections(rope)}
    return config_class(**{**chosen, **own})


def _sections(rope: Mapping[str, Any]) -> list[int]:
    """The sections of a rotary embedding of small heads, in the order of sizes that the default has."""
    total = int(8 * rope.get("partial_rotary_factor", 1.0))
    first, *others = rope["mrope_section"]
    small = [max(1, total * size // (first + sum(others))) for size in others]
    return [total - sum(small), *small]


def _default(config_class: Any, settings: Mapping[str, Any]) -> Any:
    try:
        return config_class()
    except (TypeError, ValueError, AttributeError, KeyError):
        return config_class(**settings)


def bare_model(config: Any) -> nn.Module:
    """A model without weights: on the device meta."""
    auto: Any = transformers.AutoModel
    with torch.device("meta"):
        model: nn.Module = auto.from_config(config)
    return model


def tiny_model(config: Any, seed: int = 0) -> nn.Module:
    """A random body, in eval mode, whose biases and gains aren't at their neutral values."""
    auto: Any = transformers.AutoModel
    model: nn.Module = auto.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            if not parameter.is_floating_point():
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() <= 1:
                parameter.add_(0.1 * noise.to(parameter.dtype))
            else:
                parameter.copy_(noise * (1.0 / parameter.shape[-1] ** 0.5))
    return model.eval()
