"""The proof that a site is read correctly: act_fn(gate) * in is the input of the down projection."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import GluscopeError
from ..sites import Site
from ..sites.shapes import linear_shape
from ..sites.site import tensors
from .dense import capture

_STRESS_ROWS = 8
_STRESS_MAGNITUDE = 128.0  # beyond every clamp in use (7, 10, 100), and 128 * 128 is finite in float16


def tolerance(dtype: torch.dtype) -> float:
    """The relative error up to which a site counts as proven.

    Computed as the module computes it, the error is 0. A fused kernel may keep or drop the rounding of act and of the
    product, half a unit in the last place each, on either side, so 4 units are allowed. float32's floor of 1e-5 leaves
    room for kernels that approximate exp and tanh. A wrong reading is off by as much as the values themselves.
    """
    return max(4 * torch.finfo(dtype).eps, 1e-5)


def identity_error(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> float:
    """max |act_fn(gate) * in - post| / max |post|, over the finite values; 0.0 without any."""
    with torch.inference_mode():
        return relative_error(site.act_fn(gate) * in_, post)


def relative_error(computed: Tensor, expected: Tensor) -> float:
    """max |computed - expected| / max |expected|, over the finite values; 0.0 without any."""
    computed, expected = computed.float(), expected.float()
    if not computed.numel():  # no token of the batch is routed to an expert
        return 0.0
    finite = computed.isfinite() & expected.isfinite()
    difference = torch.where(finite, computed - expected, 0.0).abs().amax()
    scale = torch.where(finite, expected, 0.0).abs().amax()
    return float(difference / scale) if scale > 0 else float(difference)


def prove(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> float:
    """The identity error of a captured batch (each tensor # batch position neuron), to be kept in the index.

    To be called on the first batch of `capture`. GluscopeError, naming layer, class and remedy, if the error exceeds
    the dtype's tolerance.
    """
    error = identity_error(site, gate, in_, post)
    _demand(site, error, post.dtype, "on the first batch")
    return error


def prove_forms(sites: Iterable[Site]) -> None:
    """Run each site's module alone on large inputs, which reveal a clamp or sparsifier that is idle on ordinary values.

    To be called once before the first batch, outside any `capture`. GluscopeError as in `prove`.
    """
    for site in sites:
        dtypes = [tensor.dtype for tensor in tensors(site.module) if tensor.is_floating_point()]
        dtype = next((dtype for dtype in dtypes if dtype.itemsize > 1), torch.bfloat16)  # quantised to the last
        _demand(site, _stress_error(site, site.device, dtype), dtype, "on large inputs")


def _demand(site: Site, error: float, dtype: torch.dtype, where: str) -> None:
    if error <= tolerance(dtype):
        return
    stack = {"enc": " of the encoder", "dec": " of the decoder"}.get(site.address.stack, "")
    raise GluscopeError(
        f"layer {site.address.layer}{stack} ({type(site.module).__name__}, read as {site.adapter}) does not compute "
        f"{site.activation}(gate) * in {where}: relative error {error:.2g}, allowed {tolerance(dtype):.2g}",
        "its values would be wrong, so gluscope refuses: index other layers with --layers, or another model; "
        "fused kernels that replace the MLP must be off",
    )


def _stress_error(site: Site, device: torch.device, dtype: torch.dtype) -> float:
    """The identity error when the site's module is run alone on inputs that make gate and in as large as 128."""
    errors: list[float] = []
    largest: list[float] = []

    def measure(_site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
        largest.append(max(float(gate.abs().max()), float(in_.abs().max())))
        errors.append(identity_error(site, gate, in_, post))

    width = linear_shape(site.gate)
    assert width is not None  # find_sites has read it
    inputs = torch.randn(
        1, _STRESS_ROWS, width.inputs, generator=torch.Generator().manual_seed(0)
    )  # batch position d_model
    with torch.inference_mode(), capture([site], measure):
        site.module(inputs.to(device, dtype))
        scale = _STRESS_MAGNITUDE / max(largest[0], 1e-6)
        site.module((inputs * scale).to(device, dtype))
    return max(errors)
