"""The effect of a norm on a direction, found from the values that went through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .passages import Passage

_TOLERANCE = {torch.float32: 2e-3, torch.float64: 2e-3, torch.float16: 4e-3, torch.bfloat16: 1.6e-2}
"""Relative error up to which a formula explains a norm's output: rounding."""

_LENGTH_COUNTS = 1e-2  # weight of the error in length, for a formula that gives the direction
_SMALL_NUMBERS = ("eps", "variance_epsilon", "norm_eps", "epsilon")
"""The attributes in which a norm keeps the small number that it adds to the square it divides by."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """The effect of a norm on a direction: it subtracts the mean, if centred, and multiplies by a gain."""

    kind: str  # "rms", "rms (1 + w)", "layer", "layer (1 + w)" or "none"
    gain: Tensor | None = None  # d_model, float32; None: ones
    centred: bool = False
    module: nn.Module | None = None  # whose norm it is

    def read(self, vectors: Tensor) -> Tensor:
        """Vectors (# ... d_model, float32) that take dot products with the norm's output, as vectors for its input."""
        folded = vectors if self.gain is None else vectors * self.gain.to(vectors.device)
        return folded - folded.mean(dim=-1, keepdim=True) if self.centred else folded

    def written(self, vectors: Tensor) -> Tensor:
        """Vectors (# ... d_model, float32) that enter the norm, as they leave it, except for their length."""
        centred = self.centre(vectors)
        return centred if self.gain is None else centred * self.gain.to(vectors.device)

    def centre(self, vectors: Tensor) -> Tensor:
        """Vectors (# ... d_model) without their mean, if the norm subtracts it."""
        return vectors - vectors.mean(dim=-1, keepdim=True) if self.centred else vectors

    def factors(self, passage: Passage) -> Tensor:
        """What it multiplied each token by in one run, besides the gain, which is 1 / its size: position, float32."""
        given = self.written(passage.entered)
        left = _without_bias(passage)
        return (left * given).sum(1) / given.square().sum(1).clamp_min(1e-30)


NO_NORM = Norm("none")


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    norm: Norm
    error: float  # of the direction, relative
    factors: Tensor  # position: what leaves the norm / what the formula gives

    @property
    def rank(self) -> float:
        """Lower is better."""
        return self.error + _LENGTH_COUNTS * min(1.0, abs(float(self.factors.median()) - 1.0))


def explained(passage: Passage) -> Norm | None:
    """The simplest norm that gives a module's output from its input; None if none does.

    Each token's length is fitted: the small number in a norm's divisor matters if its input is small, and a norm may
    scale tokens in its own way. A constant factor is part of the gain.
    """
    parameters = dict(passage.module.named_parameters(recurse=False))
    weight, left = parameters.get("weight"), _without_bias(passage)
    gains: list[tuple[str, Tensor | None]] = [("", None)]
    if weight is not None:
        own = weight.detach().float().cpu()
        gains = [("", own), (" (1 + w)", 1 + own)]
    fits = [
        _fit(passage, left, Norm(kind + form, gain, centred, passage.module))
        for centred, kind in ((False, "rms"), (True, "layer"))
        for form, gain in gains
    ]
    best = min(fits, key=lambda fit: fit.rank)
    tolerance = _TOLERANCE.get(weight.dtype if weight is not None else torch.float32, 1.6e-2)
    return _with_factor(best, tolerance) if best.error <= tolerance else None


def _fit(passage: Passage, left: Tensor, norm: Norm) -> _Fit:
    """How well a formula explains the output of a norm, except for each token's length."""
    entered = passage.entered
    given = norm.written(entered)  # position d_model, not yet divided
    scale = (left * given).sum(1) / given.square().sum(1).clamp_min(1e-30)  # position
    error = float((left - scale[:, None] * given).norm() / left.norm().clamp_min(1e-12))
    centred = entered - entered.mean(dim=-1, keepdim=True) if norm.centred else entered
    square = centred.square().mean(dim=-1)
    small = _small_number(passage.module)
    if small is None:
        least = int(square.argmin())
        small = max(0.0, float(scale[least].square().clamp_min(1e-30).reciprocal() - square[least]))
    return _Fit(norm, error if error == error else float("inf"), scale * (square + small).sqrt())


def _small_number(module: nn.Module) -> float | None:
    found: list[Any] = [getattr(module, name, None) for name in _SMALL_NUMBERS]
    return next((float(value) for value in found if isinstance(value, float)), None)


def _with_factor(fit: _Fit, tolerance: float) -> Norm:
    """The norm with the constant factor by which it multiplies all tokens, if there is one."""
    factor = float(fit.factors.median())
    constant = float((fit.factors - factor).abs().max()) <= tolerance * abs(factor)
    if not constant or abs(factor - 1.0) <= tolerance:
        return fit.norm
    gain = torch.full((len(fit.factors),), factor) if fit.norm.gain is None else fit.norm.gain * factor
    return replace(fit.norm, gain=gain)


def _without_bias(passage: Passage) -> Tensor:
    """What left a module, without its bias: position d_model."""
    bias = dict(passage.module.named_parameters(recurse=False)).get("bias")
    return passage.left if bias is None else passage.left - bias.detach().float().cpu()
