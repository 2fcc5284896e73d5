"""The four quantities of gated neurons, as sites computed them for a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Activations(NamedTuple):
    """The values that a site computed for a batch, each `# sequence position neuron`, in the model's dtypes.

    For the routed experts of a layer each is `# row neuron`.
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
        """Empty tensors for the values of several sites: each `# site sequence position neuron`."""
        return cls(*(value.new_empty((sites, *value.shape)) for value in like))

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(value.nbytes for value in self)

    def readable(self) -> Activations:
        """The values in the dtype that suits tensor operations: float32 on a CPU, unchanged elsewhere."""
        if self.gate.device.type != "cpu":
            return self
        return Activations(*(value.to(torch.float32) for value in self))

    def rows(self) -> Activations:
        """The same, each `# row neuron`."""
        return Activations(*(value.reshape(-1, value.shape[-1]) for value in self))

    def at(self, row: Tensor) -> Activations:
        """The values of some rows (cell place) of `# row neuron` values: each `# cell place neuron`."""
        return Activations(*(value[row] for value in self))

    def product(self, factors: tuple[int, ...]) -> Tensor:
        """The product of the quantities at these places. A single quantity keeps its dtype; a product is float32."""
        first, *others = (self[factor] for factor in factors)
        for other in others:
            first = first.to(torch.float32) * other.to(torch.float32)
        return first
