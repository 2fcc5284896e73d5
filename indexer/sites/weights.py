"""The weights of a gated MLP, and the flip bits of its neurons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import Site
from .experts import ExpertSite

_ROWS = 1024  # neurons at once: bounds the float64 copies


class SiteWeights(NamedTuple):
    """The loaded weights of a site, one neuron a row, without norm gains."""

    gate: Tensor  # neuron d_model
    in_: Tensor  # neuron d_model
    out: Tensor  # neuron d_model


def site_weights(site: Site) -> SiteWeights | None:
    """The weights of a site, or None if they can't be read: quantised, adapted or not loaded."""
    if isinstance(site, ExpertSite):
        matrices = site.experts.matrices(site.expert)
        return None if matrices is None else SiteWeights(*matrices)
    gate, in_, down = _matrix(site.gate), _matrix(site.in_), _matrix(site.down)
    if gate is None or in_ is None or down is None:
        return None
    if site.fused:
        gate, in_ = (half.T for half in site.halves(gate.T))
    if site.gate_scale != 1.0:
        gate = gate * site.gate_scale
    return SiteWeights(gate, in_, down.T)


def gate_in_dot(site: Site) -> NDArray[np.float64] | None:
    """The dot product of each neuron's gate and in weights as loaded, in float64 (# neuron); None if unreadable.

    If it is below 0, aligning signs negates in and post (the flip bit); 0 counts as positive.
    """
    weights = site_weights(site)
    if weights is None:
        return None
    dots = np.empty(site.width, dtype=np.float64)
    for start in range(0, site.width, _ROWS):
        gate, in_ = (
            _float64(matrix[start : start + _ROWS]) for matrix in (weights.gate, weights.in_)
        )  # neuron d_model
        dots[start : start + _ROWS] = (gate * in_).sum(dim=1).cpu().numpy()
    return dots


def _float64(matrix: Tensor) -> Tensor:
    if matrix.device.type == "mps":  # has no float64
        matrix = matrix.cpu()
    return matrix.detach().to(torch.float64)


def _matrix(linear: nn.Module) -> Tensor | None:
    """The weight (# output input) of a plain linear map; None for any other: its numbers would need decoding."""
    if type(linear) is not nn.Linear:
        return None
    weight = linear.weight
    plain = type(weight) in (nn.Parameter, Tensor)  # a subclass of them may store its numbers in another form
    readable = plain and weight.dim() == 2 and weight.is_floating_point() and weight.dtype.itemsize > 1
    readable = readable and not weight.is_meta
    return weight if readable else None
