"""One gated MLP of a model, and the choice among them by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..addresses import SiteAddress, ranges
from ..errors import GluscopeError
from .activation import Activation


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One gated MLP: post = act_fn(gate) * in, and post enters `entry`. Compared and hashed by identity.

    `gate` and `in_` are the linear maps whose outputs, apart from `gate_scale` and `factor`, are the two factors. In a
    fused site they are one module, whose output holds gate and in, each in `width` columns, in the order `gate_first`.
    """

    address: SiteAddress
    width: int  # neurons: the inputs of the down projection
    activation: str  # a name of indexer.database.format.activations, or one without a twin
    sign_preserving: bool  # act has the sign of gate
    act_fn: Activation  # from gate to act, including all that the module does in between
    adapter: str  # how gate and in were found, e.g. "gate_proj, up_proj"
    path: str  # of the module in the body, e.g. "layers.3.mlp"
    module: nn.Module
    gate: nn.Module
    in_: nn.Module
    down: nn.Module
    entry: nn.Module  # its input is post: the down projection, or a norm in front of it
    _: KW_ONLY
    gate_first: bool = True
    gate_scale: float = 1.0  # gate is the output of its map times this
    factor: Activation | None = None  # in from the output of its map, if it isn't the output itself

    observed_inside: ClassVar[bool] = False
    """Whether its values are observed while `entry` runs, not before it."""

    @property
    def fused(self) -> bool:
        return self.gate is self.in_

    @property
    def device(self) -> torch.device:
        """The device of its values."""
        return tensors(self.down)[0].device

    def halves(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """Gate and in (each # ... neuron) in the output of a fused map (# ... 2*neuron)."""
        first, second = both.tensor_split(2, dim=-1)
        return (first, second) if self.gate_first else (second, first)


def place_in_model(site: Site) -> tuple[bool, SiteAddress]:
    """Its place among the sites of a model: by address, an encoder's before a decoder's, though "dec" sorts first."""
    return site.address.stack == "dec", site.address


def tensors(module: nn.Module) -> list[Tensor]:
    """Parameters and buffers: quantised linear maps may have no parameter at all."""
    return [*module.parameters(), *module.buffers()]


def select(sites: Sequence[Site], layers: Sequence[int] | None) -> tuple[Site, ...]:
    """The sites of `layers` (None: all), in the order in which the model runs them.

    GluscopeError for a layer that the model doesn't have or that has no gated MLP.
    """
    if layers is None:
        return tuple(sites)
    present = sorted({site.address.layer for site in sites})
    for layer in layers:
        if layer not in present:
            raise GluscopeError(
                f"the model has no gated MLP in layer {layer}", f"its layers with one are {ranges(present)}"
            )
    return tuple(site for site in sites if site.address.layer in layers)
