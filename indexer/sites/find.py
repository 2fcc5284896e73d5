"""Finds the gated MLPs of a model by structure: the children a module has, and their shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import nn

from ..addresses import SiteAddress
from ..database.format.activations import sign_preserving
from .activation import Activation, identify
from .body import text_body, wants_more
from .experts import find_experts, with_shared
from .layouts import ACTIVATION_ATTRIBUTES, LAYOUTS, NAMED_LAYOUTS, Layout, has_child
from .looped_experts import LOOPED, PARTS
from .numbering import addresses, in_a_layer
from .odd import ODD, REFUSED, Form
from .refuse import not_gated, refusal
from .shapes import linear_shape
from .site import Site, place_in_model


def find_sites(model: nn.Module) -> tuple[Site, ...]:
    """The gated MLPs of the model's text body in the order in which it runs them: by layer, encoder first.

    Works on a model without weights (device meta) too. GluscopeError, naming the model and the reason, if it has no
    gated MLP, or if any of its MLPs is not known to compute down(act_fn(gate(x)) * in(x)).
    """
    body = text_body(model)
    if reason := wants_more(body):
        raise refusal(body, reason)
    routed = tuple(find_experts(body))
    sites = tuple(sorted([*with_shared(dense_sites(body), routed), *routed], key=place_in_model))
    if not sites:
        raise not_gated(body)
    for one, other in pairwise(sites):
        if one.address == other.address:
            raise refusal(body, f"layer {one.address.layer} has two gated MLPs: {one.path} and {other.path}")
    return sites


def dense_sites(body: nn.Module) -> tuple[Site, ...]:
    """The gated MLPs of a text body that are modules, in the order of their addresses; empty if it has none."""
    found = list(_candidates(body))
    numbered = addresses(body, [path for path, _, _ in found])
    sites = [_site(body, path, module, layout, numbered[path]) for path, module, layout in found]
    return tuple(sorted(sites, key=place_in_model))


def _candidates(body: nn.Module) -> Iterator[tuple[str, nn.Module, Layout]]:
    """The modules of the layers with the children of a layout; GluscopeError for one that is known not to fit."""
    for path, module in body.named_modules():
        if not in_a_layer(path):
            continue
        kind = type(module).__name__
        if kind in LOOPED or kind in PARTS:
            continue
        if reason := REFUSED.get(kind):
            raise refusal(body, f"its gated MLP ({kind}) is not a plain one: {reason}")
        for layout in (NAMED_LAYOUTS[kind],) if kind in NAMED_LAYOUTS else LAYOUTS:
            if layout.fits(module) and not _ungated(module, layout):
                yield path, module, layout


def _ungated(module: nn.Module, layout: Layout) -> bool:
    """Whether the supposed fused gate and in is only as wide as the input of the down projection, so has no halves."""
    first, down = (linear_shape(module.get_submodule(name)) for name in (layout.gate, layout.down))
    return layout.fused and first is not None and down is not None and first.outputs == down.inputs


def _site(body: nn.Module, path: str, module: nn.Module, layout: Layout, address: SiteAddress) -> Site:
    odd = ODD.get(type(module).__name__)
    form = odd(module) if odd else Form(_activation(body, path, module, layout))
    _demand_known_parts(body, path, module, layout, form)
    name = form.name or identify(form.act_fn)
    return Site(
        address=address,
        width=_width(body, path, module, layout),
        activation=name,
        sign_preserving=sign_preserving(name),
        act_fn=form.act_fn,
        adapter=f"{layout.adapter}; {form.note}" if form.note else layout.adapter,
        path=path,
        module=module,
        gate=module.get_submodule(layout.gate),
        in_=module.get_submodule(layout.in_),
        down=module.get_submodule(layout.down),
        entry=module.get_submodule(form.entry or layout.down),
        gate_first=layout.gate_first,
        gate_scale=form.gate_scale,
        factor=form.factor,
    )


def _width(body: nn.Module, path: str, module: nn.Module, layout: Layout) -> int:
    """The number of neurons: the inputs of the down projection. GluscopeError if the shapes don't fit together."""
    shapes = {name: linear_shape(module.get_submodule(name)) for name in sorted(layout.names)}
    gate, in_, down = shapes[layout.gate], shapes[layout.in_], shapes[layout.down]
    if gate is None or in_ is None or down is None:
        unknown = next(name for name, shape in shapes.items() if shape is None)
        kind = type(module.get_submodule(unknown)).__name__
        raise refusal(body, f"{path}.{unknown} is not a linear map that gluscope knows ({kind})")
    halves = 2 if layout.fused else 1
    if gate != in_ or gate.inputs != down.outputs or gate.outputs != halves * down.inputs:
        listed = ", ".join(f"{name} {shape.inputs} -> {shape.outputs}" for name, shape in shapes.items() if shape)
        raise refusal(body, f"the shapes in {path} don't fit a gated MLP: {listed}")
    return down.inputs


def _activation(body: nn.Module, path: str, module: nn.Module, layout: Layout) -> Activation:
    """The activation function. GluscopeError if there is not exactly one."""
    functions: list[Callable[..., object]] = []
    for attribute in ACTIVATION_ATTRIBUTES:
        *parents, last = attribute.split(".")
        holder: object = module.get_submodule(parents[0]) if parents and has_child(module, parents[0]) else module
        function = getattr(holder, last, None)
        if callable(function) and function not in functions:
            functions.append(function)
    if not functions and layout.activation is not None:
        functions.append(getattr(torch.nn.functional, layout.activation))
    if len(functions) != 1:
        found = "no activation function" if not functions else "more than one activation function"
        raise refusal(body, f"{path} ({type(module).__name__}) has {found}")
    return functions[0]  # type: ignore[return-value]  # a module's attribute has no type


def _demand_known_parts(body: nn.Module, path: str, module: nn.Module, layout: Layout, form: Form) -> None:
    """GluscopeError if the module has an unknown part, which may change what the others compute."""
    known = {form.entry, *(part for name in layout.names for part in (name, name.split(".")[0]))}
    activations = [getattr(module, name, None) for name in ACTIVATION_ATTRIBUTES]
    for name, child in module.named_children():
        if name in known or any(child is one for one in activations) or isinstance(child, (nn.Dropout, nn.Identity)):
            continue
        kind = type(child).__name__
        raise refusal(body, f"{path} ({type(module).__name__}) has a part that gluscope doesn't know: {name} ({kind})")
