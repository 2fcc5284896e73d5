"""Experts that a class of transformers runs in its own way, one after another or all on every token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .activation import Activation
from .expert_forms import ExpertForm

Matrices = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class LoopedForm:
    """How such a class stores its experts, and how it combines gate and up."""

    form: ExpertForm
    count: Callable[[Any], int]  # experts
    width: Callable[[Any], int]  # neurons of each
    matrices: Callable[[Any, int], Matrices]  # gate, in and out weights of an expert, views: neuron d_model
    alone: Callable[[Any, Tensor], object]  # runs the module on hidden states (# token d_model), some on expert 0
    act_fn: Callable[[Any], Activation]


def _first_expert(module: Any, hidden: Tensor) -> object:
    index = torch.zeros(len(hidden), 2, dtype=torch.int64, device=hidden.device)  # token choice; some need two
    return module(hidden, index, torch.ones_like(index, dtype=hidden.dtype))


def _on_all(module: Any, hidden: Tensor) -> object:
    return module(hidden.repeat(module.num_experts, 1))


def _as_text(module: Any, hidden: Tensor) -> object:
    return module(hidden[None])


def _halves(module: Any, expert: int) -> Matrices:
    gate, in_ = module.gate_up_proj[expert].chunk(2)
    return gate, in_, module.down_proj[expert].T


def _columns(module: Any, expert: int) -> Matrices:
    gate, in_ = module.gate_up_proj[expert].T.chunk(2)
    return gate, in_, module.down_proj[expert]


def _rows(module: Any, expert: int) -> Matrices:
    inner = module.mlp
    part = slice(expert * inner.ffn_hidden_size, (expert + 1) * inner.ffn_hidden_size)
    return inner.w1[part], inner.v1[part], inner.w2[part]


def _parallel(module: Any, expert: int) -> Matrices:
    gate, in_ = module.input_linear.weight[expert].chunk(2)
    return gate, in_, module.output_linear.weight[expert].T


def _clamped_act(module: Any) -> Activation:
    def act(gate: Tensor) -> Tensor:
        clamped: Tensor = module.act_fn(gate).clamp(max=module.limit)
        return clamped

    return module.act_fn if module.limit == float("inf") else act


def _clamped_up(module: Any, up: Tensor) -> Tensor:
    return up.clamp(min=-module.limit, max=module.limit)


def _own_act(module: Any) -> Activation:
    return module.act_fn  # type: ignore[no-any-return]  # of a module


_HALVES = ExpertForm("gate_up_proj[e] (halves)")

LOOPED = {
    "LongcatFlashExperts": LoopedForm(
        _HALVES, lambda m: m.num_routed_experts, lambda m: m.intermediate_size, _halves, _first_expert, _own_act
    ),
    "Step3p7Experts": LoopedForm(
        ExpertForm("gate_up_proj[e] (halves), act and in clamped", factor=_clamped_up),
        lambda m: m.num_experts,
        lambda m: m.intermediate_dim,
        _halves,
        _first_expert,
        _clamped_act,
    ),
    "DbrxExperts": LoopedForm(
        ExpertForm("mlp.w1[e], mlp.v1[e]"),
        lambda m: m.num_experts,
        lambda m: m.ffn_hidden_size,
        _rows,
        _first_expert,
        lambda m: m.mlp.activation_fn,
    ),
    "Llama4TextExperts": LoopedForm(
        ExpertForm("gate_up_proj[e] (halves), of the token times its routing weight"),
        lambda m: m.num_experts,
        lambda m: m.expert_dim,
        _columns,
        _on_all,
        _own_act,
    ),
    "JetMoeMoE": LoopedForm(
        ExpertForm("input_linear[e] (halves)"),
        lambda m: m.input_linear.num_experts,
        lambda m: m.hidden_size,
        _parallel,
        _as_text,
        lambda m: m.activation,
    ),
}
"""Classes by name."""

PARTS = ("DbrxExpertGLU", "JetMoeMoA", "JetMoeParallelExperts")
"""Other classes that look like experts or gated MLPs: parts of the classes above, and JetMoE's attention."""
