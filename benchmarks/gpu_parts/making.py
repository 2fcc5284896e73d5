"""Makes models and text for the kit: tiny models on disk, and full shapes with random weights on the device."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.initialization import no_init_weights

from indexer.models.forward import run_body
from indexer.models.loaded import LoadedModel, Origin
from indexer.sequences.sequences import TokenSequence


def shape(kind: str, *, layers: int, **settings: Any) -> Any:
    """The configuration of a shape by name, with tied embeddings, so that there is an unembedding."""
    sizes: dict[str, dict[str, Any]] = {
        "smollm2": {
            **{"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3},
            "vocab_size": 49152,
        },
        "8b": {
            **{"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8},
            "vocab_size": 128256,
        },
        "mixtral": {
            **{"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8},
            **{"vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2},
        },
    }
    kinds: Any = transformers
    config = kinds.MixtralConfig if kind == "mixtral" else kinds.LlamaConfig
    chosen = {**sizes[kind], "max_position_embeddings": 4096, "tie_word_embeddings": True, **settings}
    return config(num_hidden_layers=layers, **chosen)


def _fill(body: Any, device: str) -> None:
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for parameter in body.parameters():
            if parameter.dim() == 1:
                parameter.fill_(1.0)
            else:
                parameter.normal_(0.0, 1.0 / parameter.shape[-1] ** 0.5, generator=generator)
        embeddings = body.get_input_embeddings()
        embeddings.weight.normal_(0.0, 1.0, generator=generator)


def random_model(config: Any, name: str, device: str, dtype: torch.dtype) -> LoadedModel:
    """A model with random weights, made on its device; its matrices preserve the magnitude of activations."""
    auto: Any = transformers.AutoModel
    with torch.device(device), no_init_weights():
        body: Any = auto.from_config(config, dtype=dtype).eval()
    if device != "meta":  # which has no values
        _fill(body, device)
    origin: Any = Origin(None, config, {})  # type: ignore[arg-type]  # it is nowhere: only its config is read
    return LoadedModel(
        model=body,
        tokenizer=tokenizer(config.vocab_size),
        name=name,
        revision=None,
        architecture=type(body).__name__,
        model_type=config.model_type,
        dtype=str(dtype).removeprefix("torch."),
        device=str(body.get_input_embeddings().weight.device),
        causal=True,
        fingerprint="random",
        origin=origin,
    )


def tokenizer(size: int) -> Any:
    """A byte-level tokenizer with a vocabulary of `size` tokens, most of which occur in no text."""
    special = ["<pad>", "<s>", "</s>"]
    names = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    names += [f"token{number}" for number in range(len(names), size)]
    made = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names[:size])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def parameters_bytes(loaded: LoadedModel) -> int:
    return sum(parameter.nbytes for parameter in loaded.model.parameters())


def random_sequences(number: int, length: int, vocabulary: int) -> list[TokenSequence]:
    """Sequences of random tokens of equal length."""
    ids = np.random.default_rng(0).integers(3, vocabulary, (number, length)).astype(np.int32)
    return [TokenSequence(row, row, 0, ids[row], f"made up:{row}") for row in range(number)]


def write_text(path: Path, documents: int, characters: int) -> Path:
    """Write documents of made-up words as JSON lines, each with a number of characters."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(3000)]
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(documents):
            text = " ".join(draw.choices(words, k=characters // 5))[:characters]
            file.write(json.dumps({"text": text}) + "\n")
    return path


def settle_library(loaded: LoadedModel, shapes: Sequence[tuple[int, int]]) -> None:
    """Run a model on some shapes, so that the libraries choose their kernels and allocate their workspaces."""
    for rows, length in shapes:
        run_body(loaded, torch.full((rows, length), 5, dtype=torch.int64))
