"""What sites computed for a batch: the four quantities of gated neurons."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Activations(NamedTuple):
    """What a site computed for a batch, each `# sequence position neuron`, in the types of the model.

    Or what the routed experts of a layer computed, each `# row neuron`.
    """

    gate: Tensor
    in_: Tensor
    act: Tensor
    post: Tensor

    def span(self, part: slice) -> Activations:
        """The same at some positions."""
        return Activations(*(value[:, part] for value in self))

    @classmethod
    def side_by_side(cls, sites: int, like: Activations) -> Activations:
        """Room for the values of so many sites: each `# site sequence position neuron`."""
        return cls(*(value.new_empty((sites, *value.shape)) for value in like))

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(value.nbytes for value in self)

    def readable(self) -> Activations:
        """The same as tensor operations read them well: in float32 on a CPU, elsewhere as they are."""
        if self.gate.device.type != "cpu":
            return self
        return Activations(*(value.to(torch.float32) for value in self))

    def rows(self) -> Activations:
        """The same, each `# row neuron`."""
        return Activations(*(value.reshape(-1, value.shape[-1]) for value in self))

    def at(self, row: Tensor) -> Activations:
        """Those of rows (cell place) of what is `# row neuron`: each `# cell place neuron`."""
        return Activations(*(value[row] for value in self))

    def product(self, factors: tuple[int, ...]) -> Tensor:
        """The product of quantities, named by their places: one as it is, several in float32."""
        first, *others = (self[factor] for factor in factors)
        for other in others:
            first = first.to(torch.float32) * other.to(torch.float32)
        return first
