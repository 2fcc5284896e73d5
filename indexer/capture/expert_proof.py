"""The proof that routed experts are read correctly: act * in enters the down projection, for the right token."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import GluscopeError
from ..sites.experts import ExpertLayer
from ..transformers_internals import product_of
from .looped_experts import capture_looped
from .proof import relative_error, tolerance
from .routed import Routed

_ROWS = 16
_ROW_TOLERANCE = 0.05
"""The error allowed for a row recomputed from the weights, by any kernel; a row mixed up with another is off by 1."""

_STRESS_MAGNITUDE = 128.0
_STRESS_ROWS = 8
_ON_LARGE = "does not compute act(gate) * in on large values"


def prove_experts(layer: ExpertLayer, routed: Routed) -> float:
    """The identity error of the experts of a layer on a batch, to be kept in the index.

    GluscopeError, naming layer, class and remedy, if the error exceeds the tolerance, or if rows don't belong to the
    token and the expert given for them.
    """
    error = relative_error(routed.act * routed.in_, routed.post)
    _demand(layer, error, tolerance(routed.post.dtype), "does not compute act(gate) * in on the first batch")
    mixed = _row_error(layer, routed)
    _demand(layer, mixed, _ROW_TOLERANCE, "does not order its rows as gluscope knows it")
    return error


def prove_expert_forms(layers: Iterable[ExpertLayer]) -> None:
    """Compare the product of each layer's module with the known form, on values so large that every clamp shows.

    GluscopeError as in `prove_experts`.
    """
    for layer in layers:
        if layer.looped is not None:
            _demand(layer, _looped_error(layer), tolerance(_dtype(layer)), _ON_LARGE)
            continue
        product = product_of(layer.module)
        like = next(layer.module.parameters())
        dtype = _dtype(layer)
        both = torch.randn(8, 2 * layer.width, generator=torch.Generator().manual_seed(0))  # row gate-and-up
        for scale in (1.0, _STRESS_MAGNITUDE / float(both.abs().max())):
            gate_up = (both * scale).to(like.device, dtype)
            with torch.inference_mode():
                gate, in_ = layer.values(gate_up)
                error = relative_error(layer.act_fn(gate) * in_, product(gate_up))
            _demand(layer, error, tolerance(dtype), _ON_LARGE)


def _dtype(layer: ExpertLayer) -> torch.dtype:
    """The dtype that a layer computes in."""
    own = next(layer.module.parameters()).dtype
    return own if own.is_floating_point and own.itemsize > 1 else torch.bfloat16


def _looped_error(layer: ExpertLayer) -> float:
    """The identity error of a module that is run alone, on inputs that make gate and in as large as 128."""
    assert layer.looped is not None  # checked before
    errors: list[float] = []
    largest: list[float] = []

    def measure(_layer: ExpertLayer, routed: Routed) -> None:
        largest.append(max(float(routed.gate.abs().max()), float(routed.in_.abs().max())))
        errors.append(relative_error(routed.act * routed.in_, routed.post))

    matrices = layer.matrices(0)
    like = next(layer.module.parameters())
    width = like.shape[-1] if matrices is None else matrices[0].shape[1]
    hidden = torch.randn(_STRESS_ROWS, width, generator=torch.Generator().manual_seed(0))  # token d_model
    with torch.inference_mode(), capture_looped([layer], measure):
        layer.looped.alone(layer.module, hidden.to(like.device, _dtype(layer)))
        scale = _STRESS_MAGNITUDE / max(largest[0], 1e-6)
        layer.looped.alone(layer.module, (hidden * scale).to(like.device, _dtype(layer)))
    return max(errors)


def _row_error(layer: ExpertLayer, routed: Routed) -> float:
    """How far the gates of some rows are from recomputed ones; 0.0 if the weights can't be read."""
    if layer.matrices(0) is None or not len(routed.expert):
        return 0.0
    chosen = torch.linspace(0, len(routed.expert) - 1, _ROWS).round().long().tolist()
    errors = []
    with torch.inference_mode():
        for row in chosen:
            expert = int(routed.expert[row])
            if expert >= layer.count:
                continue
            source = routed.token if routed.source is None else routed.source
            expected = _gate(layer, expert, routed.hidden[source[row]])
            errors.append(relative_error(routed.gate[row], expected))
    return max(errors, default=0.0)


def _gate(layer: ExpertLayer, expert: int, hidden: Tensor) -> Tensor:
    matrices = layer.matrices(expert)
    assert matrices is not None  # checked before
    return functional.linear(hidden.to(matrices[0].dtype), matrices[0], layer.gate_bias(expert))


def _demand(layer: ExpertLayer, error: float, allowed: float, what: str) -> None:
    if error <= allowed:
        return
    raise GluscopeError(
        f"layer {layer.layer} ({type(layer.module).__name__}, read as {layer.adapter}) {what}: "
        f"relative error {error:.2g}, allowed {allowed:.2g}",
        "its values would be wrong, so gluscope refuses: index other layers with --layers, or another model; "
        "fused kernels that replace the experts must be off",
    )
