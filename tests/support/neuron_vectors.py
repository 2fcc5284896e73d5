"""The vectors of a neuron straight from a Llama's file, and their cosines by plain numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from indexer.addresses import NeuronAddress


def vectors(model: Path, neuron: NeuronAddress) -> dict[str, np.ndarray]:
    """The three vectors of a neuron of a Llama, the gain of the norm before it folded in."""
    layer, index = neuron.site.layer, neuron.index
    tensors = load_file(model / "model.safetensors")
    gain = tensors[f"model.layers.{layer}.post_attention_layernorm.weight"]
    mlp = f"model.layers.{layer}.mlp"
    return {
        "gate": tensors[f"{mlp}.gate_proj.weight"][index] * gain,
        "in": tensors[f"{mlp}.up_proj.weight"][index] * gain,
        "out": tensors[f"{mlp}.down_proj.weight"][:, index],
    }


def plain_cosine(one: Mapping[str, np.ndarray], a: str, other: Mapping[str, np.ndarray], b: str) -> float:
    """The cosine of a vector of one neuron with one of another, in float64."""
    first, second = one[a].astype(np.float64), other[b].astype(np.float64)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
