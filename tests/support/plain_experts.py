"""Routed experts computed one token and expert at a time, written out for each class without the indexer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers.activations import ACT2FN

ACTIVATIONS: Any = ACT2FN

_BIASED = ("GptOssExperts", "OpenAIPrivacyFilterExperts")
_TRANSPOSED = (*_BIASED, "AriaExperts")


class Row(NamedTuple):
    """One token in one expert; values are of each neuron."""

    expert: int
    token: int
    gate: Tensor
    in_: Tensor
    act: Tensor
    post: Tensor
    weight: float  # that the router gave it


def plain_rows(module: Any, hidden: Tensor, index: Tensor, weights: Tensor) -> Iterator[Row]:
    """All that a module of experts computes, from what entered it: `hidden` token d_model, the others token choice."""
    for token in range(len(hidden)):
        for choice in range(index.shape[1]):
            weight = float(weights[token, choice])
            if weight != 0:
                expert = int(index[token, choice])
                yield Row(expert, token, *one(module, expert, hidden[token]), weight)


def one(module: Any, expert: int, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gate, in, act and post of one token in one expert."""
    kind = type(module).__name__
    projection = module.gate_up_proj[expert]
    width = module.down_proj[expert].numel() // len(hidden)
    if kind in _TRANSPOSED:
        projection = projection.T  # they are stored the other way round
    gate_up = projection @ hidden
    if kind in _BIASED:
        gate_up = gate_up + module.gate_up_proj_bias[expert]
    gate, up = (gate_up[0::2], gate_up[1::2]) if kind == "GptOssExperts" else (gate_up[:width], gate_up[width:])
    if kind in ("GptOssExperts", "OpenAIPrivacyFilterExperts", "MiniMaxM3VLExperts"):
        limit = module.config.swiglu_limit
        low = torch.minimum(gate, torch.tensor(limit))
        act, in_ = low * torch.sigmoid(module.config.swiglu_alpha * low), up.clamp(-limit, limit) + 1
    elif kind in ("DeepseekV4Experts", "Glm5NextTextExperts", "HYV4Experts"):
        limit = module.config.swiglu_limit
        act, in_ = functional.silu(torch.minimum(gate, torch.tensor(limit))), up.clamp(-limit, limit)
    elif kind == "Inkling2Experts":
        caps = module.config.mlp_gate_softcap, module.config.mlp_up_softcap
        act, in_ = caps[0] * torch.tanh(gate / caps[0]) * torch.sigmoid(gate), caps[1] * torch.tanh(up / caps[1])
    elif kind == "Gemma4TextExperts":
        act, in_ = functional.gelu(gate, approximate="tanh"), up
    else:
        act, in_ = ACTIVATIONS[getattr(module.config, "hidden_act", "silu")](gate), up
    return gate, in_, act, act * in_


def output(module: Any, rows: list[Row], hidden: Tensor) -> Tensor:
    """The output of the module for each token: token d_model."""
    kind = type(module).__name__
    total = torch.zeros_like(hidden)
    for row in rows:
        down = module.down_proj[row.expert]
        written = (down.T if kind in _TRANSPOSED else down) @ row.post
        if kind in _BIASED:
            written = written + module.down_proj_bias[row.expert]
        if kind == "MuseSparkExperts":
            written = module.post_expert_norm(written)
        total[row.token] += row.weight * written
    return total
