"""How the output of a gated MLP reaches the residual stream: unchanged, times a constant, or through other maps.

A layer runs again with a known change of the MLP's output. The change at the layer's end gives the factor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models.forward import run_body
from ..models.loaded import LoadedModel
from .passages import position_rows, probe_ids

_TOLERANCE = {torch.float32: 2e-3, torch.float64: 2e-3, torch.float16: 1e-2, torch.bfloat16: 3e-2}
"""Relative error up to which a factor explains a change: rounding."""

_MAGNITUDE = 4.0  # of the change, in units of the layer's output
_ELSEWHERE = 0.5  # cosine of a change and its effect, below which other maps lie between


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The effect at the layer's end of a change of its gated MLP's output."""

    scale: float = 1.0  # a constant that multiplies it; 1 also if that differs from token to token
    by_token: Tensor | None = None  # position, float32: the factors of the tokens that were run, if they differ
    gain: Tensor | None = None  # d_model, float32: the factors if they differ from direction to direction
    elsewhere: bool = False  # it reaches the stream through other linear maps, or not at all


AS_IT_IS = Reach()


def find_reach(
    loaded: LoadedModel, points: Iterable[tuple[nn.Module, nn.Module]], ids: Tensor | None = None
) -> dict[nn.Module, Reach]:
    """The reach of each module's output, given as (layer, module in it); modules that don't run are left out.

    Runs the model on `ids` (# one position; None: a few tokens), and each layer once more for each of its modules.
    """
    by_layer: dict[nn.Module, list[nn.Module]] = defaultdict(list)
    for layer, module in points:
        if module not in by_layer[layer]:
            by_layer[layer].append(module)
    found: dict[nn.Module, Reach] = {}
    again = False

    def measure(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal again
        usual = position_rows(output)
        if again or usual is None:
            return
        again = True
        for module in by_layer[layer]:
            if (reach := _measured(layer, module, args, kwargs, usual)) is not None:
                found[module] = reach
        again = False

    with ExitStack() as stack:
        for layer in by_layer:
            stack.callback(layer.register_forward_hook(measure, with_kwargs=True).remove)
        run_body(loaded, probe_ids(loaded) if ids is None else ids)
    return found


def _measured(
    layer: nn.Module, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], usual: Tensor
) -> Reach | None:
    """The reach of a module's output in a layer, which gives `usual` (# position d_model) for these arguments."""
    changes: list[Tensor] = []
    size = float(usual.square().mean().sqrt())

    def change(_module: nn.Module, _args: Any, output: Any) -> Any:
        given = output[0] if isinstance(output, tuple) else output
        noise = torch.randn(given.shape, generator=torch.Generator().manual_seed(len(changes)))
        changed = given + (noise * _MAGNITUDE * size).to(given)
        changes.append((changed.float() - given.float()).reshape(-1, given.shape[-1]).cpu())
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = module.register_forward_hook(change)
    try:
        after = position_rows(layer(*args, **kwargs))
    finally:
        handle.remove()
    if len(changes) != 1 or after is None:
        return None
    (made,) = changes
    dtype = next((p.dtype for p in layer.parameters() if p.is_floating_point()), torch.float32)
    effect = after - usual
    if made.shape[1] != effect.shape[1]:
        return Reach(elsewhere=True)
    if made.shape != effect.shape or not effect.isfinite().all():
        return AS_IT_IS
    return _explained(layer, made, effect, _TOLERANCE.get(dtype, 3e-2))


def _explained(layer: Any, made: Tensor, effect: Tensor, tolerance: float) -> Reach:
    """The factor that makes the effect (# position d_model) of the change that was made."""
    by_token = (effect * made).sum(1) / made.square().sum(1)  # position
    size = effect.norm().clamp_min(1e-12)
    if float((effect - by_token[:, None] * made).norm() / size) <= tolerance:
        scale = float(by_token.mean())
        same = float((by_token - scale).abs().max()) <= tolerance * abs(scale)
        return Reach(_rounded(scale, tolerance)) if same else Reach(by_token=by_token)
    by_direction = (effect * made).sum(0) / made.square().sum(0)  # d_model
    if float((effect - by_direction * made).norm() / size) <= tolerance:
        return Reach(gain=by_direction)
    cosine = float((effect * made).sum() / (made.norm() * size))
    if cosine < _ELSEWHERE:
        return Reach(elsewhere=True)
    constant = getattr(layer, "layer_scalar", None)  # Gemma 4: more follows the MLP inside its layer, then this
    return Reach(float(constant)) if isinstance(constant, Tensor) and constant.numel() == 1 else AS_IT_IS


def _rounded(scale: float, tolerance: float) -> float:
    """The scale, or 1 if it differs from 1 only by rounding."""
    return 1.0 if abs(scale - 1.0) <= tolerance / 10 else scale
