"""The shape of a linear map, whatever class it has: plain, quantised, adapted or GPT-2's transposed one."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn


class Shape(NamedTuple):
    inputs: int
    outputs: int


def linear_shape(module: nn.Module) -> Shape | None:
    """Inputs and outputs of a linear map, or None for other modules."""
    for names in (("in_features", "out_features"), ("infeatures", "outfeatures"), ("nx", "nf")):
        inputs, outputs = (getattr(module, name, None) for name in names)
        if isinstance(inputs, int) and isinstance(outputs, int):
            return Shape(inputs, outputs)
    return None
