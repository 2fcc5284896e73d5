"""Finding the gated MLPs of a model by structure: the children a module has, and their shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import nn

from ..activations import Activation, identify
from ..addresses import SiteAddress
from ..database.activations import sign_preserving
from .layouts import ACTIVATION_ATTRIBUTES, LAYOUTS, ODD_MODULES, Layout
from .refuse import experts, not_gated, refusal
from .shapes import linear_shape
from .site import Site

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def text_body(model: nn.Module) -> nn.Module:
    """The part of `model` that reads text, without a language-model head, vision towers or adapter wrappers."""
    language_model = getattr(model, "language_model", None)
    base = language_model if isinstance(language_model, nn.Module) else getattr(model, "base_model", model)
    if base is model and hasattr(model, "peft_config"):
        base = getattr(model, "model", model)  # PEFT's inner wrapper
    return text_body(base) if isinstance(base, nn.Module) and base is not model else model


def find_sites(model: nn.Module) -> tuple[Site, ...]:
    """The gated MLPs of the model's text body, in the order of its layers.

    Works on a model without weights (device meta) too. GluscopeError, naming the model and the reason, where it has
    none, or where any of its MLPs is not known to compute down(act_fn(gate(x)) * in(x)).
    """
    body = text_body(model)
    mixture = experts(body)
    if mixture is not None:
        raise refusal(body, f"its layers are mixtures of experts ({mixture}); experts are not supported yet")
    sites = [_site(body, path, module, layout) for path, module, layout in _candidates(body)]
    if not sites:
        raise not_gated(body)
    if getattr(getattr(body, "config", None), "is_encoder_decoder", False):
        raise refusal(body, "it is an encoder-decoder, which is not supported yet")
    sites.sort(key=lambda site: site.address)
    for one, other in pairwise(sites):
        if one.address == other.address:
            raise refusal(body, f"layer {one.address.layer} has two gated MLPs: {one.path} and {other.path}")
    return tuple(sites)


def _candidates(body: nn.Module) -> Iterator[tuple[str, nn.Module, Layout]]:
    """The modules of the layers that have the children of a layout; GluscopeError at an odd one."""
    for path, module in body.named_modules():
        if not _NUMBER.search(path):
            continue
        if reason := ODD_MODULES.get(type(module).__name__):
            raise refusal(body, f"its gated MLP ({type(module).__name__}) is not a plain one: {reason}")
        children = {name for name, _ in module.named_children()}
        for layout in LAYOUTS:
            if layout.names <= children:
                yield path, module, layout


def _site(body: nn.Module, path: str, module: nn.Module, layout: Layout) -> Site:
    numbers = _NUMBER.findall(path)
    if len(numbers) != 1:
        raise refusal(body, f"{path} lies in a layer within a layer, which gluscope can't number")
    act_fn = _activation(body, path, module, layout)
    name = identify(act_fn)
    return Site(
        address=SiteAddress("", int(numbers[0])),
        width=_width(body, path, module, layout),
        activation=name,
        sign_preserving=sign_preserving(name),
        act_fn=act_fn,
        adapter=layout.adapter,
        path=path,
        module=module,
        gate=module.get_submodule(layout.gate),
        in_=module.get_submodule(layout.in_),
        down=module.get_submodule(layout.down),
    )


def _width(body: nn.Module, path: str, module: nn.Module, layout: Layout) -> int:
    """The number of neurons: what the down projection takes. GluscopeError where the shapes don't fit together."""
    shapes = {name: linear_shape(module.get_submodule(name)) for name in sorted(layout.names)}
    gate, in_, down = shapes[layout.gate], shapes[layout.in_], shapes[layout.down]
    if gate is None or in_ is None or down is None:
        unknown = next(name for name, shape in shapes.items() if shape is None)
        kind = type(module.get_submodule(unknown)).__name__
        raise refusal(body, f"{path}.{unknown} is no linear map that gluscope knows ({kind})")
    halves = 2 if layout.fused else 1
    if gate != in_ or gate.inputs != down.outputs or gate.outputs != halves * down.inputs:
        listed = ", ".join(f"{name} {shape.inputs} -> {shape.outputs}" for name, shape in shapes.items() if shape)
        raise refusal(body, f"the shapes in {path} are not those of a gated MLP: {listed}")
    return down.inputs


def _activation(body: nn.Module, path: str, module: nn.Module, layout: Layout) -> Activation:
    """The activation function; GluscopeError where there is none, or where the module has a part nobody knows."""
    functions: list[Callable[..., object]] = []
    for attribute in ACTIVATION_ATTRIBUTES:
        function = getattr(module, attribute, None)
        if callable(function) and function not in functions:
            functions.append(function)
    if len(functions) != 1:
        found = "no activation function" if not functions else "more than one activation function"
        raise refusal(body, f"{path} ({type(module).__name__}) has {found}")
    for name, child in module.named_children():
        if name not in layout.names and child is not functions[0] and not isinstance(child, nn.Dropout):
            kind = type(child).__name__
            raise refusal(
                body, f"{path} ({type(module).__name__}) has a part that gluscope doesn't know: {name} ({kind})"
            )
    return functions[0]  # type: ignore[return-value]  # a module's attribute has no type
