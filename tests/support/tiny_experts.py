"""Tiny random mixtures of experts of every class that transformers has, made from their config classes."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from .tiny_models import VOCABULARY, tiny_tokenizer

_SIZES: dict[str, Any] = {
    **{"vocab_size": VOCABULARY + 4, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3},
    **{"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    # each family has a name of its own for the number of experts, and of those that a token is routed to
    **{"num_experts": 6, "num_local_experts": 6, "n_routed_experts": 6, "moe_num_experts": 6},
    **{"num_experts_per_tok": 2, "num_experts_per_token": 2, "moe_k": 2, "moe_topk": 2, "top_k_experts": 2},
    **{"moe_intermediate_size": 12, "expert_ffn_hidden_size": 12},
    **{"n_shared_experts": 1, "num_shared_experts": 1, "moe_num_shared_experts": 1},
    **{"shared_expert_intermediate_size": 20, "shared_intermediate_size": 20},
    **{"n_group": 1, "topk_group": 1},
    # and for the dense first layer
    **{"first_k_dense_replace": 1, "num_dense_layers": 1, "moe_layer_start_index": 1, "mlp_only_layers": [0]},
    **{"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8},
    **{"swiglu_limit": 0.7, "mlp_gate_softcap": 0.8, "mlp_up_softcap": 1.1},  # low, so that clamps bite
    **{"index_n_heads": 2, "index_head_dim": 8, "index_topk": 4, "sliding_window": 6},
}

_MROPE = {"rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 10000.0}}
_SPARSE = {"mlp_layer_types": ["dense", "sparse", "sparse"]}

CLASSES: dict[str, dict[str, Any]] = {
    "AfmoeConfig": {},
    "AriaTextConfig": {},
    "AXK1Config": {},
    "AXK2Config": {},
    "BailingHybridConfig": {},
    "BeamConfig": _SPARSE,
    "Cohere2MoeConfig": {},
    "DeepseekOcr2TextConfig": _SPARSE,
    "DeepseekV2Config": {},
    "DeepseekV3Config": {"routed_scaling_factor": 2.5},
    "DeepseekV32Config": {},
    "DeepseekV4Config": {},
    "Dots1Config": {},
    "Dots3NoteTextConfig": {},
    "Ernie4_5_MoeConfig": {},
    "Ernie4_5_VLMoeTextConfig": {"moe_intermediate_size": [12, 10], **_MROPE},
    "ExaoneMoeConfig": {},
    "FlexOlmoConfig": {},
    "FlintConfig": {},
    "Gemma4TextConfig": {"enable_moe_block": True},
    "Glm4MoeConfig": {},
    "Glm4MoeLiteConfig": {},
    "Glm4vMoeTextConfig": {"rope_parameters": {**_MROPE["rope_parameters"], "partial_rotary_factor": 1.0}},
    "Glm5NextTextConfig": {
        **{"index_topk": 16, "qk_rope_head_dim": 0, "linear_head_dim": 8, "linear_num_heads": 2},
        **_SPARSE,
    },
    "GlmMoeDsaConfig": {},
    "GptOssConfig": {},
    "GraniteMoeConfig": {"residual_multiplier": 0.4, "embedding_multiplier": 3.0},
    "GraniteMoeSWAConfig": {},
    "GraniteMoeHybridConfig": {
        **{"mamba_n_heads": 2, "mamba_d_head": 16, "mamba_d_state": 8},
        **{"layer_types": ["mamba", "attention", "attention"]},
    },
    "GraniteMoeSharedConfig": {},
    "HunYuanMoEV1Config": {},
    "HYV3Config": {},
    "HYV4Config": {},
    "Inkling2TextConfig": {},
    "JambaConfig": {
        **{"expert_layer_period": 2, "expert_layer_offset": 1, "attn_layer_period": 2, "attn_layer_offset": 1},
        **{"use_mamba_kernels": False},
    },
    "KimiLinearConfig": {},
    "Kolibri1Config": {},
    "LagunaConfig": {},
    "Lfm2MoeConfig": {"layer_types": ["conv", "full_attention", "conv"]},
    "MellumConfig": {},
    "MiMoV2FlashConfig": {"num_key_value_heads": 1, "swa_num_attention_heads": 2, "swa_num_key_value_heads": 1},
    "MiniMaxConfig": {},
    "MiniMaxM2Config": {},
    "MiniMaxM3VLTextConfig": {},
    "Mistral4Config": {},
    "MistralLarge4TextConfig": {},
    "MixtralConfig": {},
    "MuseSparkTextConfig": {},
    "OlmoeConfig": {},
    "OpenAIPrivacyFilterConfig": {},
    "PhimoeConfig": {},
    "Qwen2MoeConfig": {},
    "Qwen3_5MoeTextConfig": {},
    "Qwen3MoeConfig": {},
    "Qwen3NextConfig": {},
    "Qwen3OmniMoeTextConfig": _MROPE,
    "Qwen3VLMoeTextConfig": _MROPE,
    "Qwen4ExpTextConfig": {},
    "SolarOpenConfig": {},
    "UnlimitedOcrTextConfig": {},
    "ZayaConfig": {"num_experts_per_tok": 1},
}
"""Config class -> settings that it needs to be built tiny, or whose default hides a trap."""

_BODIES = {"Qwen3OmniMoeTextConfig": "Qwen3OmniMoeThinkerTextModel"}
"""Bodies that no auto class makes and whose names don't follow from those of their configs."""


def tiny_mixture(config_class: str, *, seed: int = 0, **overrides: Any) -> Any:
    """The body of a random mixture of experts, in eval mode; no bias, gain or clamp at a value that hides it."""
    model = _body(tiny_mixture_config(config_class, **overrides))
    randomise(model, seed)
    return model.eval()


def tiny_mixture_config(config_class: str, **overrides: Any) -> Any:
    """Its configuration: of the sizes, those that the class knows."""
    kind = getattr(transformers, config_class)
    known = {*kind.__dataclass_fields__, *inspect.signature(kind.__init__).parameters, *kind.attribute_map}
    sizes = {name: value for name, value in _SIZES.items() if name in known}
    return kind(**{**sizes, **CLASSES[config_class], **overrides})


def save_mixture(folder: Path, config_class: str, *, seed: int = 0, **overrides: Any) -> Path:
    """Save a tiny mixture of experts with a head and its tokenizer in `folder`, as a user has them."""
    auto: Any = transformers.AutoModelForCausalLM
    model = auto.from_config(tiny_mixture_config(config_class, **overrides))
    randomise(model, seed)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def randomise(model: nn.Module, seed: int) -> None:
    """Large random weights, and no bias or norm gain at its neutral value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                parameter.add_(0.3 * noise)
            else:
                parameter.copy_(noise * (1.5 / parameter.shape[-1] ** 0.5))


def _body(config: Any) -> Any:
    auto: Any = transformers.AutoModel
    kind = type(config).__name__
    if type(config) in auto._model_mapping:
        return auto.from_config(config)
    module = importlib.import_module(type(config).__module__.replace("configuration_", "modeling_"))
    return getattr(module, _BODIES.get(kind, kind.replace("Config", "Model")))._from_config(config)
