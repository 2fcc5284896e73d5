"""The numbers of a model's weights, computed the slow and obvious way in numpy from its parameters' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Names:
    """Where a family keeps its norms, and what they do to a gain or to a mean."""

    before: str | None = "post_attention_layernorm"
    after: str | None = None
    plus_one: bool = False
    centred: bool = False


FAMILIES = {
    "llama": Names(),
    "phi3": Names(),
    "cohere": Names(before="input_layernorm", centred=True),
    "gemma": Names(plus_one=True),
    "gemma2": Names("pre_feedforward_layernorm", "post_feedforward_layernorm", plus_one=True),
    "gemma3": Names("pre_feedforward_layernorm", "post_feedforward_layernorm", plus_one=True),
    "olmo2": Names(None, "post_feedforward_layernorm"),
    "glm4": Names("post_attention_layernorm", "post_mlp_layernorm"),
}


@dataclass(frozen=True)
class Said:
    """The wanted vectors of one layer: each is neuron d_model."""

    gate: Array
    in_: Array
    out: Array
    logits: Array  # neuron token: what one unit of post adds before the last norm divides
    flipped: npt.NDArray[np.bool_]  # neuron: by the weights without gains


def said(model: Any, family: str, layer: int) -> Said:
    """Of a model with its head."""
    names = FAMILIES[family]
    block = model.model.layers[layer]
    mlp = block.mlp
    if hasattr(mlp, "gate_up_proj"):
        gate, in_ = np.split(_array(mlp.gate_up_proj.weight), 2)
    else:
        gate, in_ = _array(mlp.gate_proj.weight), _array(mlp.up_proj.weight)
    out = _array(mlp.down_proj.weight).T
    flipped = (gate * in_).sum(1) < 0
    if names.before is not None:
        gate, in_ = (_read(w, getattr(block, names.before), names) for w in (gate, in_))
    if names.after is not None:
        out = out * _gain(getattr(block, names.after), names)
    centred = out - out.mean(1, keepdims=True) if names.centred else out
    logits = (centred * _gain(model.model.norm, names)) @ _array(model.lm_head.weight).T
    return Said(gate, in_, out, logits, flipped)


def cosine(one: Array, other: Array) -> Array:
    """Of each row with each row."""
    found: Array = (one / np.linalg.norm(one, axis=1, keepdims=True)) @ (
        other / np.linalg.norm(other, axis=1, keepdims=True)
    ).T
    return found


def ends(scores: Array, usable: list[int], k: int) -> tuple[list[int], list[int]]:
    """The tokens with the largest and with the smallest of a neuron's scores."""
    ordered = sorted(usable, key=lambda token: float(scores[token]))
    return ordered[::-1][:k], ordered[:k]


def _array(parameter: Any) -> Array:
    found: Array = parameter.detach().double().numpy()
    return found


def _gain(norm: Any, names: Names) -> Array:
    return _array(norm.weight) + (1.0 if names.plus_one else 0.0)


def _read(vectors: Array, norm: Any, names: Names) -> Array:
    folded = vectors * _gain(norm, names)
    return folded - folded.mean(1, keepdims=True) if names.centred else folded
