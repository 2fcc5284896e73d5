"""Says in plain words why a model can't be indexed."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from ..errors import GluscopeError
from .shapes import linear_shape

SUPPORTED = "gluscope reads gated MLPs as in Llama, Mistral, Qwen, Gemma and T5 v1.1; `gluscope models` lists all"
_EXPERT_SETTINGS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


def architecture(model: nn.Module) -> str:
    """The name of the model's class as its configuration gives it, e.g. LlamaForCausalLM."""
    return named_architecture(getattr(model, "config", None)) or type(model).__name__


def named_architecture(config: object) -> str:
    """The class that a configuration names, "" if it names none; untrusted text is cut to a word."""
    names = getattr(config, "architectures", None)
    first = names[0] if isinstance(names, (list, tuple)) and names else ""
    return "".join(c for c in first if c.isprintable())[:80] if isinstance(first, str) else ""


def refusal(model: nn.Module, reason: str) -> GluscopeError:
    """The error for a model that can't be indexed."""
    return GluscopeError(f"{architecture(model)} can't be indexed: {reason}", SUPPORTED)


def _pair_of_children(module: nn.Module) -> tuple[str, str] | None:
    """The two linear maps of an MLP that has only these: up, then back."""
    maps = [(name, shape) for name, child in module.named_children() if (shape := linear_shape(child))]
    if len(maps) != 2:
        return None
    (first, inner), (second, outer) = maps
    back = inner.outputs == outer.inputs and inner.inputs == outer.outputs
    back = back and (inner.outputs > inner.inputs or (first, second) == ("up_proj", "down_proj"))
    return (first, second) if back else None


def _pair_in_a_layer(module: nn.Module) -> tuple[str, str] | None:
    """The same two a level deeper, as in BERT: `intermediate.dense` and `output.dense` of a layer."""
    maps = [
        (f"{name}.{inner}", shape)
        for name, child in module.named_children()
        if not any(word in name.lower() for word in ("attention", "attn"))
        for inner, grandchild in child.named_children()
        if (shape := linear_shape(grandchild))
    ]
    return next(
        (
            (first, second)
            for (first, inner), (second, outer) in pairwise(maps)
            if inner.outputs == outer.inputs and inner.inputs == outer.outputs and inner.outputs > inner.inputs
        ),
        None,
    )


def not_gated(body: nn.Module) -> GluscopeError:
    """The error for a model without a gated MLP; it names the MLPs that the model has instead."""
    for find in (_pair_of_children, _pair_in_a_layer):
        for module in body.modules():
            if (found := find(module)) is not None:
                first, second = found
                what = f"its MLP ({type(module).__name__}) is not gated: {first}, an activation function, {second}"
                return refusal(body, what)
    settings = getattr(body, "config", None)
    has_experts = any("expert" in path.lower() for path, _ in body.named_modules())
    if has_experts and any(
        isinstance(count := getattr(settings, name, None), int) and count > 1 for name in _EXPERT_SETTINGS
    ):
        return refusal(body, "it is a mixture of experts of a kind that gluscope doesn't know")
    return refusal(body, "no gated MLP was found in it")
