"""Reads gate, in and post of gated MLPs with plain hooks while a model runs, and computes nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..sites import Site

if TYPE_CHECKING:
    pass

Observe = Callable[[Site, Tensor, Tensor, Tensor], Tensor | None]
"""Takes site, gate, in, post, each `# batch position neuron`, in the model's dtype. They are the model's own tensors:
read them at once, don't write to them, and copy what is to be kept. A tensor that it returns takes post's place."""


@contextmanager
def capture(sites: Iterable[Site], observe: Observe) -> Iterator[None]:
    """Within the context, every run of the model calls `observe` once for each site, as soon as its post is computed.

    Nothing is computed twice or copied. Gate and in are the outputs of their linear maps (gate scaled, or in clamped,
    only if the module does so). Post is the input of the down projection, or of a norm before it. Nothing
    stays registered, even after an exception.
    """
    with ExitStack() as stack:
        for site in sites:
            for handle in _register(site, observe):
                stack.callback(handle.remove)
        yield


def _register(site: Site, observe: Observe) -> list[torch.utils.hooks.RemovableHandle]:
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
            seen[name] = output

        return hook

    def before_down(_module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if site.fused:
            gate, in_ = site.halves(seen.pop("both"))  # batch position neuron
        else:
            gate, in_ = seen.pop("gate"), seen.pop("in")  # batch position neuron
        if site.gate_scale != 1.0:
            gate = gate * site.gate_scale
        changed = observe(site, gate, in_ if site.factor is None else site.factor(in_), args[0])
        return None if changed is None else (changed, *args[1:])

    if site.fused:
        kept = [site.gate.register_forward_hook(keep("both"))]
    else:
        kept = [site.gate.register_forward_hook(keep("gate")), site.in_.register_forward_hook(keep("in"))]
    return [*kept, site.entry.register_forward_pre_hook(before_down)]


Act = Callable[[Site, Tensor], Tensor]


@contextmanager
def capture_act(sites: Iterable[Site]) -> Iterator[Act]:
    """Within the context, a function from (site, gate) to act: the model's own act if it has just computed it.

    If the activation is not a module, or was not run on that gate, it is computed.
    """
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        seen[module] = args[0], output

    def act(site: Site, gate: Tensor) -> Tensor:
        if isinstance(site.act_fn, nn.Module) and (found := seen.pop(site.act_fn, None)) is not None:
            entered, left = found
            if entered.data_ptr() == gate.data_ptr() and entered.shape == gate.shape and left.shape == gate.shape:
                return left
        return site.act_fn(gate)

    with ExitStack() as stack:
        for module in {site.act_fn for site in sites if isinstance(site.act_fn, nn.Module)}:
            stack.callback(module.register_forward_hook(hook).remove)
        yield act
