"""The table of odd gated MLPs, which do more than down(act_fn(gate(x)) * in(x)), and what they do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..database.format.activations import clamped_name
from ..transformers_internals import sparsified_gate
from .activation import Activation, identify
from .expert_forms import ClampedActivation, ScaledSigmoid


@dataclass(frozen=True, slots=True)
class Form:
    """How act and in follow from the outputs of the linear maps, and where post goes."""

    act_fn: Activation  # act from gate
    name: str | None = None  # of the activation; None: it is found by its values
    factor: Activation | None = None  # in from the output of its linear map; None: the output itself
    gate_scale: float = 1.0  # the gate is the output of its linear map times this
    entry: str | None = None  # the child that post enters; None: the down projection
    note: str = ""  # for the adapter's name


def _scaled(module: Any) -> Form:
    return Form(module.act_fn, gate_scale=float(module.gate_multiplier), note="gate times a constant")


def _normed(module: Any) -> Form:
    return Form(module.act_fn, entry="ffn_sub_norm", note="norm after post")


def _sparsified(module: Any) -> Form:
    if module.activation_sparsity <= 0:
        return Form(module.act_fn)

    def act(gate: Tensor) -> Tensor:
        sparse: Tensor = module.act_fn(sparsified_gate(module, gate))
        return sparse

    return Form(act, "sparsified", note="gate sparsified")


def _wide(module: Any) -> Form:
    def act(gate: Tensor) -> Tensor:
        wide: Tensor = module.act_fn(gate.float())
        return wide

    return Form(act, note="in float32")


def _clamped(limit_name: str) -> Callable[[Any], Form]:
    """Both factors clamped before they are used, the gate from above only."""

    def form(module: Any) -> Form:
        limit = getattr(module, limit_name)
        if limit is None or math.isinf(limit):
            return Form(module.act_fn)
        return _of_clamped(module.act_fn, limit, lambda in_: in_.clamp(min=-limit, max=limit), f"clamped at {limit:g}")

    return form


def _of_clamped(act_fn: Activation, limit: float, factor: Activation, note: str) -> Form:
    """The form of a gate that is clamped from above before the activation function."""
    return Form(ClampedActivation(act_fn, limit), clamped_name(identify(act_fn), limit), factor, note=note)


def _clamped_act(module: Any) -> Form:
    limit = module.limit
    if math.isinf(limit):
        return Form(module.act_fn)

    def act(gate: Tensor) -> Tensor:
        clamped: Tensor = module.act_fn(gate).clamp(max=limit)
        return clamped

    return Form(act, "act_clamped", lambda in_: in_.clamp(min=-limit, max=limit), note=f"clamped at {limit:g}")


def _clamped_plus_one(module: Any) -> Form:
    """In is the clamped output plus 1: its sign changes when the output is -1."""
    limit = module.swiglu_limit
    return _of_clamped(
        ScaledSigmoid(module.swiglu_alpha),
        limit,
        lambda in_: in_.clamp(min=-limit, max=limit) + 1.0,
        f"clamped at {limit:g}, in plus 1",
    )


ODD: dict[str, Callable[[nn.Module], Form]] = {
    "FalconH1MLP": _scaled,
    "BitNetMLP": _normed,
    "Gemma3nTextMLP": _sparsified,
    "BeamMLP": _wide,
    "DeepseekV4MLP": _clamped("limit"),
    "Glm5NextTextMLP": _clamped("swiglu_limit"),
    "Step3p7MLP": _clamped_act,
    "MiniMaxM3VLDenseMLP": _clamped_plus_one,
}
"""Classes that gluscope reads by a form of their own."""

REFUSED = {
    "Zamba2MLP": "several layers share its weights, and each adds an adapter of its own to gate and in",
}
"""Classes that look like a gated MLP and are not read: class -> why."""
