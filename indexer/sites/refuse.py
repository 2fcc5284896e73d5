"""Why a model can't be indexed, in plain words."""

from __future__ import annotations

from torch import nn

from ..errors import GluscopeError
from .shapes import linear_shape

_SUPPORTED = "gluscope reads gated MLPs as in Llama, Mistral, Qwen, OLMo, Granite, Gemma 1-4, Phi-3 and GLM"
_EXPERT_SETTINGS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


def architecture(model: nn.Module) -> str:
    """The name of the model's class as its configuration gives it, e.g. LlamaForCausalLM."""
    names = getattr(getattr(model, "config", None), "architectures", None)
    return str(names[0]) if names else type(model).__name__


def refusal(model: nn.Module, reason: str) -> GluscopeError:
    """The error for a model that can't be indexed."""
    return GluscopeError(f"{architecture(model)} can't be indexed: {reason}", _SUPPORTED)


def not_gated(body: nn.Module) -> GluscopeError:
    """The error for a model in which no gated MLP was found, with what it has instead."""
    for module in body.modules():
        maps = [(name, shape) for name, child in module.named_children() if (shape := linear_shape(child))]
        if len(maps) == 2:
            (first, inner), (second, outer) = maps
            if inner.outputs == outer.inputs and inner.inputs == outer.outputs and inner.outputs > inner.inputs:
                reason = f"its MLP ({type(module).__name__}) is not gated: {first}, an activation function, {second}"
                return refusal(body, reason)
    settings = getattr(body, "config", None)
    if any(isinstance(count := getattr(settings, name, None), int) and count > 1 for name in _EXPERT_SETTINGS):
        return refusal(body, "it is a mixture of experts, which is not supported yet")
    return refusal(body, "no gated MLP was found in it")
