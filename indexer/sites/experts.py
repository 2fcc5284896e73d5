"""Finding the routed experts of a model: one stacked module a layer, one site an expert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from ..addresses import SiteAddress, ranges
from ..database.format.activations import clamped_name, sign_preserving
from ..errors import GluscopeError
from ..transformers_internals import has_own_product, is_spread, stacks_experts
from .activation import Activation, identify
from .expert_forms import ODD_FORMS, PLAIN, UNREAD, ClampedActivation, ExpertForm
from .looped_experts import LOOPED, PARTS, LoopedForm
from .numbering import addresses
from .refuse import refusal
from .site import Site

_EXPERTS_CLASS = re.compile(r"(Experts|MoE|Moe|MoeBlock|MoEBlock)$")
_STACKED = ("gate_up_proj", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3")
_OTHER_SENSES = ("vision_moe",)
"""Parts of a path in which the experts see no text."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpertLayer:
    """The routed experts of one layer, whose weights lie in one module. Compared and hashed by identity."""

    stack: str
    layer: int
    count: int  # experts
    width: int  # neurons of each
    form: ExpertForm
    adapter: str
    activation: str
    act_fn: Activation  # gate, as it leaves its projection, to act
    path: str
    module: nn.Module
    looped: LoopedForm | None = None  # if its class runs its experts in its own way

    @property
    def name(self) -> str:
        """The name of all its sites together, e.g. `L12E`; no single site has it."""
        return f"{SiteAddress(self.stack, self.layer).name}E"

    def values(self, gate_up: Tensor) -> tuple[Tensor, Tensor]:
        """Gate and in of the values of the fused projection: `# row neuron`."""
        gate, up = self.form.split(gate_up)
        return gate, self.form.factor(self.module, up)

    def matrices(self, expert: int) -> tuple[Tensor, Tensor, Tensor] | None:
        """Views of an expert's gate, in and out weights, each `# neuron d_model`; None if they can't be read."""
        held: Any = self.module
        if self.looped is not None:
            return self.looped.matrices(held, expert) if all(map(_is_plain, held.parameters())) else None
        both, down = held.gate_up_proj, held.down_proj
        if not all(map(_readable, (both, down))):
            return None
        columns = both[expert] if held.is_transposed else both[expert].T  # d_model gate-and-up
        gate, in_ = self.form.split(columns)
        return gate.T, in_.T, down[expert] if held.is_transposed else down[expert].T

    def gate_bias(self, expert: int) -> Tensor | None:
        """The bias of an expert's gate (# neuron); None if it has none."""
        held: Any = self.module
        if self.looped is not None or not held.has_bias:
            return None
        return self.form.split(held.gate_up_proj_bias[expert])[0]


@dataclass(frozen=True, slots=True, eq=False)
class ExpertSite(Site):
    """One routed expert. Its `gate`, `in_` and `down` are the module of all experts of the layer."""

    observed_inside = True
    experts: ExpertLayer = field(kw_only=True)

    @property
    def expert(self) -> int:
        assert self.address.expert is not None  # by construction
        return self.address.expert


def find_experts(body: nn.Module) -> Iterator[ExpertSite]:
    """A site for each routed expert of the model; GluscopeError if its experts can't be read."""
    stacked = {path: module for path, module in body.named_modules() if _is_read(module)}
    for module in body.modules():
        if reason := UNREAD.get(type(module).__name__):
            raise refusal(body, f"{reason} ({type(module).__name__})")
    for path, module in body.named_modules():
        known = any(other == path or other.startswith(f"{path}.") for other in stacked)
        if not known and type(module).__name__ not in PARTS and _holds_experts(module):
            raise refusal(body, f"gluscope doesn't know how its experts ({type(module).__name__}) are run")
    paths = [path for path in stacked if not any(part in _OTHER_SENSES for part in path.split("."))]
    for path, address in addresses(body, paths).items():
        yield from _sites(_layer(body, path, address, stacked[path]))


def with_shared(sites: Iterable[Site], routed: Iterable[Site]) -> Iterator[Site]:
    """Gated MLPs that are modules; a shared expert beside routed ones gets the address of a shared expert."""
    mixed = {(site.address.stack, site.address.layer) for site in routed}
    for site in sites:
        shared = "shared" in site.path.rpartition(".")[2] and (site.address.stack, site.address.layer) in mixed
        yield replace(site, address=replace(site.address, shared=True)) if shared else site


def expert_layers(sites: Iterable[Site]) -> tuple[ExpertLayer, ...]:
    """The layers whose routed experts are among the sites, each once."""
    return tuple(dict.fromkeys(site.experts for site in sites if isinstance(site, ExpertSite)))


def layer_sites(sites: Iterable[Site], layer: ExpertLayer) -> tuple[ExpertSite, ...]:
    """The routed experts of a layer that are among the sites."""
    return tuple(site for site in sites if isinstance(site, ExpertSite) and site.experts is layer)


def select_experts(sites: Sequence[Site], experts: Sequence[int] | None) -> tuple[Site, ...]:
    """The sites without the routed experts that are not among `experts` (None: all).

    GluscopeError for an expert that no layer has.
    """
    if experts is None:
        return tuple(sites)
    present = sorted({site.expert for site in sites if isinstance(site, ExpertSite)})
    for expert in experts:
        if expert not in present:
            known = f"its layers have the experts {ranges(present)}" if present else "its layers have no routed experts"
            raise GluscopeError(f"the model has no expert {expert}", known)
    return tuple(site for site in sites if not isinstance(site, ExpertSite) or site.expert in experts)


def _holds_experts(module: nn.Module) -> bool:
    """Whether a module looks like one that holds experts, by its class's name or its own parameters."""
    own = dict(module.named_parameters(recurse=False))
    return bool(_EXPERTS_CLASS.search(type(module).__name__)) or any(
        own[name].dim() == 3 for name in _STACKED if name in own
    )


def _is_read(module: nn.Module) -> bool:
    """Whether a module holds experts that transformers runs grouped, or by a known loop."""
    return stacks_experts(module) or type(module).__name__ in LOOPED


def _layer(body: nn.Module, path: str, address: SiteAddress, module: nn.Module) -> ExpertLayer:
    kind = type(module).__name__
    held: Any = module
    if (looped := LOOPED.get(kind)) is not None:
        return _looped_layer(path, address, module, looped)
    if not held.has_gate:
        raise refusal(body, f"its experts ({kind}) are not gated")
    if is_spread(module):
        raise refusal(body, f"its experts ({kind}) are spread over several processes")
    form = _form(body, module)
    act_fn, activation = _activation(held, form)
    count, *sides = held.gate_up_proj.shape
    rows, width = sides[1 if held.is_transposed else 0], held.down_proj.shape[1 if held.is_transposed else 2]
    if rows != 2 * width:
        raise refusal(body, f"the shapes in {path} don't fit gated experts: {rows} is not twice {width}")
    limit = None if form.limit is None else getattr(module, form.limit)
    return ExpertLayer(
        stack=address.stack,
        layer=address.layer,
        count=int(count),
        width=int(width),
        form=form,
        adapter=form.adapter.format(limit="" if limit is None else f"{limit:g}"),
        activation=activation,
        act_fn=act_fn,
        path=path,
        module=module,
    )


def _looped_layer(path: str, address: SiteAddress, module: nn.Module, looped: LoopedForm) -> ExpertLayer:
    act_fn = looped.act_fn(module)
    clamped = act_fn is not getattr(module, "act_fn", act_fn)
    return ExpertLayer(
        stack=address.stack,
        layer=address.layer,
        count=int(looped.count(module)),
        width=int(looped.width(module)),
        form=looped.form,
        adapter=looped.form.adapter,
        activation="act_clamped" if clamped else identify(act_fn),
        act_fn=act_fn,
        path=path,
        module=module,
        looped=looped,
    )


def _form(body: nn.Module, module: nn.Module) -> ExpertForm:
    """The form in which the module computes a product from its projection; GluscopeError if that is unknown."""
    kind = type(module)
    if (form := ODD_FORMS.get(kind.__name__)) is not None:
        return form
    held: Any = module
    if has_own_product(module) or not held.is_concatenated or not hasattr(module, "act_fn"):
        raise refusal(body, f"gluscope doesn't know the product of its experts ({kind.__name__})")
    return PLAIN


def _activation(module: Any, form: ExpertForm) -> tuple[Activation, str]:
    inner = form.activation(module)
    name = identify(inner)
    if form.limit is None:
        return inner, name
    limit = float(getattr(module, form.limit))
    return ClampedActivation(inner, limit), clamped_name(name, limit)


def _sites(layer: ExpertLayer) -> Iterator[ExpertSite]:
    for expert in range(layer.count):
        yield ExpertSite(
            address=SiteAddress(layer.stack, layer.layer, expert),
            width=layer.width,
            activation=layer.activation,
            sign_preserving=sign_preserving(layer.activation),
            act_fn=layer.act_fn,
            adapter=layer.adapter,
            path=layer.path,
            module=layer.module,
            gate=layer.module,
            in_=layer.module,
            down=layer.module,
            entry=layer.module,
            experts=layer,
        )


def _readable(parameter: Any) -> bool:
    """Whether a parameter holds the numbers of its matrices as they are: stacked, not quantised, loaded."""
    return isinstance(parameter, Tensor) and parameter.dim() == 3 and _is_plain(parameter)


def _is_plain(parameter: Tensor) -> bool:
    """Whether a parameter holds numbers as they are: not quantised, and loaded."""
    return not parameter.is_meta and parameter.is_floating_point() and parameter.dtype.itemsize > 1
