"""The table of the forms of routed experts: how gate and in lie in their projection, and how they are combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .activation import Activation


def _loaded_activation(module: Any) -> Activation:
    function: Activation = module.act_fn
    return function


def _silu(_module: Any) -> Activation:
    return functional.silu


def _as_it_is(_module: Any, up: Tensor) -> Tensor:
    return up


@dataclass(frozen=True, slots=True)
class ExpertForm:
    """Experts that compute down(act(gate) * in), where gate and up are halves of one projection, or alternate in it.

    act is `activation` of the gate, which is first clamped from above if the module has the attribute `limit`. in is
    `factor` of up.
    """

    adapter: str  # how gate and in are found, e.g. "gate_up_proj[e] (halves)"
    interleaved: bool = False
    limit: str | None = None
    activation: Callable[[Any], Activation] = _loaded_activation
    factor: Callable[[Any, Tensor], Tensor] = _as_it_is

    def split(self, gate_up: Tensor) -> tuple[Tensor, Tensor]:
        """Gate and up of the projection's values, views: `# row neuron`."""
        if self.interleaved:
            return gate_up[..., ::2], gate_up[..., 1::2]
        gate, up = gate_up.chunk(2, dim=-1)
        return gate, up


class ClampedActivation:
    """An activation of the smaller of its input and a limit."""

    def __init__(self, inner: Activation, limit: float) -> None:
        self.inner = inner
        self.limit = limit

    def __call__(self, gate: Tensor) -> Tensor:
        return self.inner(gate.clamp(max=self.limit))


class ScaledSigmoid:
    """x * sigmoid(alpha * x): quick_gelu where alpha is 1.702."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.__name__ = f"silu_of_{alpha:g}".replace(".", "_")

    def __call__(self, gate: Tensor) -> Tensor:
        return gate * torch.sigmoid(gate * self.alpha)


def _clamped(limit: str) -> Callable[[Any, Tensor], Tensor]:
    def factor(module: Any, up: Tensor) -> Tensor:
        bound = getattr(module, limit)
        return up.clamp(min=-bound, max=bound)

    return factor


def _clamped_plus_one(limit: str) -> Callable[[Any, Tensor], Tensor]:
    clamped = _clamped(limit)
    return lambda module, up: clamped(module, up) + 1


def _scaled(alpha: str) -> Callable[[Any], Activation]:
    return lambda module: ScaledSigmoid(getattr(module, alpha))


def _in_float32(module: Any) -> Activation:
    return lambda gate: module.act_fn(gate.float())


class SoftcappedSilu:
    """Inkling2's: the softly capped gate times the sigmoid of the original gate."""

    __name__ = "softcapped_silu"

    def __init__(self, softcap: nn.Module) -> None:
        self.softcap = softcap

    def __call__(self, gate: Tensor) -> Tensor:
        wide = gate.float()
        capped: Tensor = self.softcap(wide)
        return capped * torch.sigmoid(wide)


def _softcapped_silu(module: Any) -> Activation:
    return SoftcappedSilu(module.act_fn.gate_softcap)


def _softcapped(module: Any, up: Tensor) -> Tensor:
    capped: Tensor = module.act_fn.up_softcap(up.float())
    return capped


PLAIN = ExpertForm("gate_up_proj[e] (halves)")
"""Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE, GraniteMoE, PhiMoE, DeepSeek-V2, DeepSeek-V3, LFM2-MoE, GLM4-MoE ..."""

_CLAMPED = "gate_up_proj[e] (halves), both clamped at {limit}"
_PLUS_ONE = "gate_up_proj[e] ({how}), gate clamped at {limit}, in is up clamped + 1"

ODD_FORMS = {
    "GptOssExperts": ExpertForm(
        _PLUS_ONE.replace("{how}", "alternating"),
        interleaved=True,
        limit="limit",
        activation=_scaled("alpha"),
        factor=_clamped_plus_one("limit"),
    ),
    "OpenAIPrivacyFilterExperts": ExpertForm(
        _PLUS_ONE.replace("{how}", "halves"),
        limit="limit",
        activation=_scaled("alpha"),
        factor=_clamped_plus_one("limit"),
    ),
    "MiniMaxM3VLExperts": ExpertForm(
        _PLUS_ONE.replace("{how}", "halves"),
        limit="swiglu_limit",
        activation=_scaled("swiglu_alpha"),
        factor=_clamped_plus_one("swiglu_limit"),
    ),
    "DeepseekV4Experts": ExpertForm(_CLAMPED, limit="limit", factor=_clamped("limit")),
    "Glm5NextTextExperts": ExpertForm(
        _CLAMPED, limit="swiglu_limit", activation=_silu, factor=_clamped("swiglu_limit")
    ),
    "HYV4Experts": ExpertForm(_CLAMPED, limit="swiglu_limit", activation=_silu, factor=_clamped("swiglu_limit")),
    "BeamExperts": ExpertForm(PLAIN.adapter, activation=_in_float32),
    "Inkling2Experts": ExpertForm(
        "gate_up_proj[e] (halves), in is up softly capped", activation=_softcapped_silu, factor=_softcapped
    ),
}
"""Classes with a product of their own, by name."""

UNREAD = {
    "DogeCDMoE": "it adds experts of one neuron each to a gated MLP, after its down projection",
    "InklingSharedExperts": "its shared experts multiply the product by a routing weight before the down projection",
    "NemotronHExperts": "its experts are not gated",
    "NllbMoeExperts": "its experts are not gated",
    "SwitchTransformersExperts": "its experts are not gated",
}
"""Classes of experts that can't be read, and why."""
