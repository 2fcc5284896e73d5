"""Reads gate, in, act and post of routed experts while a model runs, all experts of a layer at once.

The library runs the experts of a layer as one grouped product over rows sorted by expert, and still does so here.
gluscope observes the product of the two factors in the middle, and finds the order of the rows as the library does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..models.grouped_experts import run_experts
from ..sites.experts import ExpertLayer
from ..transformers_internals import experts_run_by, product_of, replaced_product
from .looped_experts import capture_looped
from .routed import ObserveExperts, Routed

_IMPLEMENTATION = "gluscope_observed"


@contextmanager
def capture_experts(layers: Iterable[ExpertLayer], observe: ObserveExperts) -> Iterator[None]:
    """Within the context, every run of the model calls `observe` once for each layer, once its experts' post exists.

    Nothing is computed twice, and only the order of the rows is copied. The model runs its experts grouped, as it
    does by default, whatever it was set to. Nothing stays registered, even after an exception.
    """
    chosen = list(layers)
    with (
        capture_looped([layer for layer in chosen if layer.looped is not None], observe),
        _capture_grouped([layer for layer in chosen if layer.looped is None], observe),
    ):
        yield


@contextmanager
def _capture_grouped(layers: Iterable[ExpertLayer], observe: ObserveExperts) -> Iterator[None]:
    """The same for experts that the library runs as one grouped product."""
    observed = {layer.module: layer for layer in layers}
    if not observed:
        yield
        return

    def run(module: Any, hidden: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        layer = observed.get(module)
        if layer is None:
            return run_experts(module, hidden, index, weights)
        with _watching(layer, hidden, index, weights, observe):
            return run_experts(module, hidden, index, weights)

    with experts_run_by(observed, _IMPLEMENTATION, run):
        yield


@contextmanager
def _watching(
    layer: ExpertLayer, hidden: Tensor, index: Tensor, weights: Tensor, observe: ObserveExperts
) -> Iterator[None]:
    """Within the context, the product that the module computes from its projection is observed."""
    product = product_of(layer.module)
    acts: list[Tensor] = []

    def keep(_module: nn.Module, _args: Any, output: Tensor) -> None:
        acts.append(output)

    def apply_gate(gate_up: Tensor) -> Tensor:
        post = product(gate_up)
        gate, in_ = layer.values(gate_up)
        act = acts.pop() if acts else layer.act_fn(gate)
        # The library sorts the same ids by the same call, so equal ones are in the same order.
        expert, order = torch.sort(index.reshape(-1))
        weight = weights.reshape(-1)[order]
        reached = (weight != 0) & (expert < layer.count)
        token = order // index.shape[-1]
        changed = observe(layer, Routed(hidden, expert, token, reached, gate, in_, act, post, weight=weight))
        return post if changed is None else changed

    hook = layer.act_fn.register_forward_hook(keep) if isinstance(layer.act_fn, nn.Module) else None
    try:
        with replaced_product(layer.module, apply_gate):
            yield
    finally:
        if hook is not None:
            hook.remove()
