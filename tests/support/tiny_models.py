"""Tiny random models of every supported family, made from their config classes, and a tokenizer to go with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

VOCABULARY = 300
TEXTS = (
    "the cat sat on the mat and the dog sat on the cat",
    "Der Hund saß auf der Matte; 猫が座った。",
    "print(1 + 1)\n",
)

_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY + 4,  # some families' tokenizers add a special token of their own
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "llama_bias": ("LlamaConfig", {"mlp_bias": True, "attention_bias": True}),
    "mistral": ("MistralConfig", {"sliding_window": 6}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {}),
    "olmo2": ("Olmo2Config", {}),
    "smollm3": ("SmolLM3Config", {}),
    "cohere": ("CohereConfig", {"logit_scale": 0.3}),
    "granite": (
        "GraniteConfig",
        {"embedding_multiplier": 3.0, "attention_multiplier": 0.3, "residual_multiplier": 0.4, "logits_scaling": 5.0},
    ),
    "gemma": ("GemmaConfig", {}),
    "gemma2": ("Gemma2Config", {"sliding_window": 6, "query_pre_attn_scalar": 5, "attn_logit_softcapping": 3.0}),
    "gemma3": ("Gemma3TextConfig", {"sliding_window": 6, "query_pre_attn_scalar": 5}),
    "gemma4": (
        "Gemma4TextConfig",
        {
            **{"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 6},
            **{"num_kv_shared_layers": 2, "use_double_wide_mlp": True, "vocab_size_per_layer_input": VOCABULARY + 4},
        },
    ),
    "phi3": ("Phi3Config", {}),
    "glm": ("GlmConfig", {}),
    "glm4": ("Glm4Config", {}),
}
"""Family -> its config class in transformers, and settings that differ from the defaults if a trap hides in them."""


def tiny_config(family: str, **overrides: Any) -> Any:
    """The configuration of a tiny model of `family`."""
    name, settings = FAMILIES[family]
    return getattr(transformers, name)(**{**_SIZES, **settings, **overrides})


def tiny_model(family: str, *, seed: int = 0, **overrides: Any) -> nn.Module:
    """A random model with head, in eval mode. Large weights, and no bias or norm gain at its neutral value, so that
    nothing that a reading leaves out goes unnoticed."""
    auto: Any = transformers.AutoModelForCausalLM
    model: nn.Module = auto.from_config(tiny_config(family, **overrides))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                parameter.add_(0.3 * noise)  # biases and gains
            else:
                parameter.copy_(noise * (1.5 / parameter.shape[-1] ** 0.5))
    return model.eval()


def tiny_tokenizer(*, bos: bool = True) -> Any:
    """A byte-level tokenizer of at most VOCABULARY tokens, without unknown text; `bos`: it has a BOS token (id 1)."""
    special = ["<pad>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(
        tokenizer_object=tokenizer,
        bos_token="<s>" if bos else None,
        eos_token="</s>",
        pad_token="<pad>",
    )


def save_tiny(folder: Path, family: str, *, seed: int = 0, bos: bool = True, **overrides: Any) -> Path:
    """Save a tiny model (safetensors) and its tokenizer in `folder`, as a user has them; returns the folder."""
    model: Any = tiny_model(family, seed=seed, **overrides)
    model.save_pretrained(folder)
    tiny_tokenizer(bos=bos).save_pretrained(folder)
    return folder
