"""Real models from GGUF files: the weights that the file's own library reads, and sites proven on real text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from indexer.capture.dense import capture
from indexer.capture.proof import prove, prove_forms
from indexer.models.forward import run_body
from indexer.models.load import load
from indexer.sites import find_sites
from indexer.sites.weights import gate_in_dot
from tests.support.real_models import gemma3_path, smollm2_path

TEXT = "The cat sat on the mat. Paris is the capital of France; Dublin is that of Ireland.\n"


@pytest.mark.real
@pytest.mark.parametrize(
    ("fetch", "name", "layers", "width", "activation"),
    [
        (smollm2_path, "SmolLM2-135M-Instruct.Q4_1", 30, 1536, "silu"),
        (gemma3_path, "gemma-3-270m-q4_k_m", 18, 2048, "gelu_tanh"),
    ],
)
def test_a_gguf_file_is_read_as_its_own_library_reads_it(
    fetch: Callable[[], Path], name: str, layers: int, width: int, activation: str
) -> None:
    path = fetch()
    loaded = load(str(path))
    assert (loaded.name, loaded.causal, loaded.dtype) == (name, True, "float32")
    sites = find_sites(loaded.model)
    assert [(site.address.name, site.width, site.activation) for site in sites] == [
        (f"L{layer}", width, activation) for layer in range(layers)
    ]

    tensors: dict[str, Any] = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    for layer in (0, layers // 2, layers - 1):
        gate, in_ = (
            gguf.dequantize(
                tensors[f"blk.{layer}.{part}.weight"].data, tensors[f"blk.{layer}.{part}.weight"].tensor_type
            )
            for part in ("ffn_gate", "ffn_up")
        )
        assert np.array_equal(sites[layer].module.get_parameter("gate_proj.weight").detach().numpy(), gate)
        expected = np.einsum("nd,nd->n", gate.astype(np.float64), in_.astype(np.float64))
        dots = gate_in_dot(sites[layer])
        assert dots is not None
        np.testing.assert_allclose(dots, expected, rtol=1e-9, atol=1e-12)

    prove_forms(sites)
    ids = torch.tensor([loaded.tokenizer(TEXT * 3)["input_ids"]])  # batch position
    errors: list[float] = []
    with capture(sites, lambda site, *values: errors.append(prove(site, *values))):
        run_body(loaded, ids, None, sites)
    assert errors == [0.0] * layers


LLAMA_CPP = {
    "Hello, we can use": [19556, 28, 392, 416, 722],
    "Hello world! 123": [19556, 905, 17, 216, 33, 34, 35],
    "Café déjà vu.": [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30],
    "  multiple   spaces": [216, 2701, 256, 5600],
}
"""Texts and the ids that another reader of such files checks its tokenizer of SmolLM with."""


@pytest.mark.real
def test_digits_of_smollm2_are_tokens_of_their_own() -> None:
    """As its own tokenizer.json and llama.cpp have it (tokenizer.ggml.pre: smollm)."""
    loaded = load(str(smollm2_path()))
    for text in ("in 1984", "3.14159", "x=2048;", "12 345"):
        tokens = loaded.tokenizer.convert_ids_to_tokens(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
        digits = [token for token in tokens if any(character.isdigit() for character in token)]
        assert all(len(token) == 1 for token in digits)
        assert len(digits) == sum(character.isdigit() for character in text)
    for text, ids in LLAMA_CPP.items():
        assert loaded.tokenizer(text, add_special_tokens=False)["input_ids"] == ids
    assert any("add_bos_token" in notice for notice in loaded.notices)
