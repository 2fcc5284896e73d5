"""GGUF files of tiny models, written as llama.cpp's conversion scripts write them, with its own library.

Independent of what is tested: names by gguf's table, keys and changes of values by hand, from the conversion scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from torch import Tensor, nn

from .tiny_models import tiny_tokenizer

SIZES: dict[str, Any] = {
    **{"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4},
    **{"num_key_value_heads": 2, "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1},
    "eos_token_id": 2,
}
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}

_LINEAR: dict[str, Any] = {
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 6},
    **{"layer_types": ["linear_attention", "full_attention"], "full_attention_interval": 2, "head_dim": 16},
    "rope_parameters": {
        **{"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        **{"mrope_section": [2, 1, 1], "mrope_interleaved": True},
    },
}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "qwen2moe": ("Qwen2MoeConfig", {**_MOE, "shared_expert_intermediate_size": 24}),
    "qwen3moe": ("Qwen3MoeConfig", {**_MOE, "head_dim": 16, "norm_topk_prob": True}),
    "phi3": ("Phi3Config", {"sliding_window": 6}),
    "gemma2": ("Gemma2Config", {"head_dim": 16, "sliding_window": 6, "query_pre_attn_scalar": 16}),
    "gemma3": (
        "Gemma3TextConfig",
        {"head_dim": 16, "sliding_window": 6, "query_pre_attn_scalar": 16, "num_hidden_layers": 6},
    ),
    "stablelm": (
        "StableLmConfig",
        {"partial_rotary_factor": 0.5, "use_qkv_bias": True, "use_parallel_residual": False},
    ),
    "lfm2": (
        "Lfm2Config",
        {"layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "block_auto_adjust_ff_dim": False},
    ),
    "gemma4": (
        "Gemma4TextConfig",
        {
            **{"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 6},
            **{"head_dim": 8, "global_head_dim": 16, "num_kv_shared_layers": 2, "use_double_wide_mlp": True},
            "hidden_size_per_layer_input": 8,
        },
    ),
    "qwen35": ("Qwen3_5TextConfig", _LINEAR),
    "qwen35moe": ("Qwen3_5MoeTextConfig", {**_LINEAR, **_MOE, "shared_expert_intermediate_size": 24}),
    "minimax-m2": (
        "MiniMaxM2Config",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "rotary_dim": 8, "intermediate_size": 16},
    ),
}
"""llama.cpp's name of an architecture -> the class of transformers' settings, and settings of a tiny one."""


def config_of(architecture: str, **settings: Any) -> Any:
    """The settings of a tiny model; its vocabulary is the tiny tokenizer's."""
    name, own = CONFIGS[architecture]
    vocabulary = len(tiny_tokenizer())
    made: Any = getattr(transformers, name)
    return made(
        **{**SIZES, "vocab_size": vocabulary, "vocab_size_per_layer_input": vocabulary, **own, **settings}
        if architecture == "gemma4"
        else {**SIZES, "vocab_size": vocabulary, **own, **settings}
    )


def model_of(config: Any, seed: int = 0) -> nn.Module:
    """A random model with its head, no bias or gain at its neutral value."""
    auto: Any = transformers.AutoModelForCausalLM
    model: nn.Module = auto.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                parameter.add_(0.3 * noise)
            else:
                parameter.copy_(noise * (1.5 / parameter.shape[-1] ** 0.5))
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):  # of Gemma 4: a weight that is called a buffer
                buffer.fill_(0.9)
    return model.eval()


def save_folder(folder: Path, model: Any) -> Path:
    """The same model as a folder of transformers."""
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_gguf(
    path: Path,
    architecture: str,
    model: Any,
    *,
    keys: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model; `keys` are added to those that its conversion script writes, or take their place (None: left out),
    and `tensors` (name -> values) to its tensors."""
    writer = gguf.GGUFWriter(path, architecture)
    written = {**_keys(architecture, model.config), **_vocabulary(), **(keys or {})}
    for key, value in written.items():
        if value is not None:
            _add(
                writer, key if key.startswith(("tokenizer.", "general.", "split.")) else f"{architecture}.{key}", value
            )
    every = dict(_tensors(architecture, model))
    if architecture == "gemma4":
        turning = int(16 * 0.25 / 2)
        every["rope_freqs.weight"] = np.array([1.0] * turning + [1e30] * (8 - turning), dtype=np.float32)
    every = every | {name: np.asarray(values) for name, values in (tensors or {}).items()}
    for name, values in every.items():
        writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _keys(architecture: str, config: Any) -> dict[str, Any]:
    """The keys of an architecture's conversion script."""
    plain = config.hidden_size // config.num_attention_heads
    head = plain if architecture == "gemma4" else getattr(config, "head_dim", None) or plain
    rope = config.rope_parameters
    found: dict[str, Any] = {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": getattr(config, "intermediate_size", None),
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "rope.freq_base": float(rope.get("full_attention", rope)["rope_theta"]),
    }
    if architecture.startswith("qwen35"):
        found |= _linear_keys(config)
    if architecture == "lfm2":
        heads = [config.num_key_value_heads if kind == "full_attention" else 0 for kind in config.layer_types]
        found |= {"attention.head_count_kv": heads, "vocab_size": config.vocab_size}
        found |= {"shortconv.l_cache": config.conv_L_cache, "attention.layer_norm_rms_epsilon": config.norm_eps}
    elif architecture == "stablelm":
        found["attention.layer_norm_epsilon"] = config.layer_norm_eps
        found["use_parallel_residual"] = config.use_parallel_residual
        found["rope.dimension_count"] = int(head * rope["partial_rotary_factor"])
    else:
        found["attention.layer_norm_rms_epsilon"] = config.rms_norm_eps
    if architecture == "llama":
        found |= {"vocab_size": config.vocab_size, "rope.dimension_count": head}
    own_head = head != plain
    if own_head or architecture in ("qwen3", "qwen3moe", "gemma2", "gemma3"):
        found |= {"attention.key_length": head, "attention.value_length": head}
    if architecture == "gemma4":
        found |= _gemma4_keys(config)
    if architecture in ("gemma2", "gemma3", "gemma4", "phi3"):
        found["attention.sliding_window"] = config.sliding_window
    if architecture == "gemma2":
        found |= {name: float(getattr(config, name)) for name in ("attn_logit_softcapping", "final_logit_softcapping")}
    if architecture == "phi3":
        found |= {"rope.scaling.original_context_length": config.original_max_position_embeddings}
        found |= {"rope.dimension_count": head}
    if architecture in ("qwen2moe", "qwen3moe", "qwen35moe"):
        found |= {"expert_count": config.num_experts, "expert_used_count": config.num_experts_per_tok}
        found["expert_feed_forward_length"] = config.moe_intermediate_size
    if architecture == "minimax-m2":
        found |= {"expert_count": config.num_local_experts, "expert_used_count": config.num_experts_per_tok}
        found |= {"expert_feed_forward_length": config.intermediate_size, "expert_gating_func": 2}
        found["rope.dimension_count"] = int(head * rope["partial_rotary_factor"])
    if architecture in ("qwen2moe", "qwen35moe"):
        found["expert_shared_feed_forward_length"] = config.shared_expert_intermediate_size
    return found


def _vocabulary() -> dict[str, Any]:
    """A byte-level vocabulary as a file has it."""
    definition = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    special = {token["content"] for token in definition["added_tokens"]}
    tokens = sorted(definition["model"]["vocab"], key=definition["model"]["vocab"].get)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in definition["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": merges or None,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0,
    }


def _tensors(architecture: str, model: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The tensors of a model by their names in the file, changed as the conversion script changes them."""
    config = model.config
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    table = gguf.get_tensor_name_map(kinds[architecture], config.num_hidden_layers)
    tied = bool(config.tie_word_embeddings)
    for name, tensor in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        for full, part in _split(name, tensor):
            full = full.replace("linear_attn.dt_bias", "linear_attn.dt_proj.bias")
            base, dot, suffix = full.rpartition(".")
            written = table.get_name(base if dot and suffix in ("weight", "bias") else full)
            assert written is not None, full
            values = part
            if architecture == "llama" and base.endswith(("q_proj", "k_proj")):
                values = _permuted(part, config.num_attention_heads if "q_proj" in base else config.num_key_value_heads)
            if architecture in ("gemma2", "gemma3") and full.endswith("norm.weight"):
                values = part + 1
            if architecture.startswith("qwen35"):
                values = _linear_values(config, full, part)
            if full.endswith("shared_expert_gate.weight"):
                values = part.squeeze(0)
            if full.endswith("conv.conv.weight"):
                values = part.squeeze(1)
            if written.endswith("ssm_a"):  # without an end, as llama.cpp has it
                yield written, values.numpy()
                continue
            yield f"{written}.{suffix if suffix in ('weight', 'bias') else 'weight'}", values.numpy()


def _split(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """A tensor by the names that the table knows: experts' gates and ins apart."""
    if name.endswith("mlp.experts.gate_up_proj"):  # expert 2·width d_model
        front = name.removesuffix("gate_up_proj")
        gate, up = tensor.chunk(2, dim=1)
        yield from ((f"{front}gate_proj.weight", gate), (f"{front}up_proj.weight", up))
    elif name.endswith("mlp.experts.down_proj"):
        yield f"{name}.weight", tensor
    elif name.endswith("e_score_correction_bias"):
        yield name.replace("mlp.e_score_correction_bias", "block_sparse_moe.e_score_correction.bias"), tensor
    else:
        yield name, tensor


def _permuted(weights: Tensor, heads: int) -> Tensor:
    """Rows of queries or keys in the order of llama.cpp: pairs that turn together beside each other."""
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def _linear_keys(config: Any) -> dict[str, Any]:
    """The keys of linear attention, with a rotary embedding of several axes."""
    values = config.linear_num_value_heads
    return {
        **{"attention.key_length": config.head_dim, "attention.value_length": config.head_dim},
        **{"full_attention_interval": 2, "ssm.conv_kernel": config.linear_conv_kernel_dim},
        **{"ssm.state_size": config.linear_key_head_dim, "ssm.group_count": config.linear_num_key_heads},
        **{"ssm.time_step_rank": values, "ssm.inner_size": values * config.linear_value_head_dim},
        "rope.dimension_count": int(config.head_dim * config.rope_parameters["partial_rotary_factor"]),
        "rope.dimension_sections": [*config.rope_parameters["mrope_section"], 0],
    }


def _linear_values(config: Any, name: str, tensor: Tensor) -> Tensor:
    """A tensor of Qwen3.5: norms with 1 added, value heads tiled over key heads rather than grouped by them."""
    keys, size = config.linear_num_key_heads, config.linear_value_head_dim
    each = config.linear_num_value_heads // keys
    before = 2 * keys * config.linear_key_head_dim  # rows of queries and keys

    def tiled(rows: Tensor, width: int) -> Tensor:
        parts = rows.reshape(keys, each, width, *rows.shape[1:])
        return parts.transpose(0, 1).reshape(rows.shape)

    if name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight"):
        return tensor + 1
    if name.endswith("A_log"):
        return tiled(-torch.exp(tensor), 1)
    if name.endswith(("dt_proj.bias", "in_proj_a.weight", "in_proj_b.weight")):
        return tiled(tensor, 1)
    if name.endswith("in_proj_z.weight"):
        return tiled(tensor, size)
    if name.endswith(("in_proj_qkv.weight", "conv1d.weight")):
        return torch.cat([tensor[:before], tiled(tensor[before:], size)]).squeeze(1)
    return tiled(tensor.T, size).T if name.endswith("linear_attn.out_proj.weight") else tensor


def _gemma4_keys(config: Any) -> dict[str, Any]:
    """The keys of layers of two kinds."""
    shared, width = config.num_kv_shared_layers, config.intermediate_size
    own = config.num_hidden_layers - shared
    return {
        **{"attention.key_length": 16, "attention.value_length": 16, "rope.dimension_count": 16},
        **{"attention.key_length_swa": 8, "attention.value_length_swa": 8, "rope.dimension_count_swa": 8},
        "attention.shared_kv_layers": shared,
        "attention.sliding_window_pattern": [kind == "sliding_attention" for kind in config.layer_types],
        "embedding_length_per_layer_input": config.hidden_size_per_layer_input,
        "feed_forward_length": [width] * own + [2 * width] * shared,
        "rope.freq_base_swa": 10000.0,
    }
