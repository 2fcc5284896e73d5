"""The values of a layer's routed experts for a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from ..sites.experts import ExpertLayer


class Routed(NamedTuple):
    """The values of a layer's routed experts for a batch. Rows are (expert, token) pairs, sorted by expert.

    Values are the model's own tensors, in its dtype: read them at once and don't write to them.
    """

    hidden: Tensor  # token d_model: the input of the experts; tokens of the flattened batch
    expert: Tensor  # row
    token: Tensor  # row
    reached: Tensor  # row: False if the router gave the expert no weight, so that the token skips it
    gate: Tensor  # row neuron
    in_: Tensor  # row neuron
    act: Tensor  # row neuron
    post: Tensor  # row neuron
    source: Tensor | None = None  # row: place in `hidden`, where that isn't the token
    weight: Tensor | None = None  # row: what multiplies its output, as the router says; None: it isn't known


ObserveExperts = Callable[[ExpertLayer, Routed], Tensor | None]
"""Takes a layer and its values; a tensor that it returns (# row neuron) takes post's place."""
