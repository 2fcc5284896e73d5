"""One sequence through the model: gate, in, act and post of every neuron at every position, and the last state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..capture.dense import capture, capture_act
from ..capture.expert_proof import prove_experts
from ..capture.experts import capture_experts
from ..capture.proof import prove
from ..capture.routed import Routed
from ..errors import GluscopeError
from ..forecast.estimate import memory_free
from ..models.forward import run_body
from ..models.probe import how_to_mend_numbers
from ..quadrants import QUANTITIES
from ..sequences.cutting import Ids
from ..sites import Site
from ..sites.experts import ExpertLayer, expert_layers, layer_sites
from ..sites.stacks import dense_sites
from ..weights.passages import Passage, position_rows
from .model import LiveModel

_SHARE = 0.5  # of the free memory, that the values of a text may take


@dataclass(frozen=True, slots=True, eq=False)
class SiteValues:
    """The values of a site at the positions that reach it, in the model's dtype, raw signs, on the CPU."""

    positions: Tensor  # row: ascending; all of them for a dense site
    gate: Tensor  # row neuron
    in_: Tensor  # row neuron
    act: Tensor  # row neuron
    post: Tensor  # row neuron
    weight: Tensor | None = None  # row: of a routed expert, what the router multiplies its output by

    def __getitem__(self, quantity: str) -> Tensor:
        """The values of `gate`, `in`, `act` or `post`."""
        values: Tensor = getattr(self, "in_" if quantity == "in" else quantity)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The values of one sequence, and what the body gave."""

    ids: Ids  # position
    sites: Mapping[str, SiteValues]  # by the site's name
    last: Tensor  # position d_model: the body's last hidden state, on its device
    errors: Mapping[str, float]  # the identity error of each site, or layer of experts
    norms: Mapping[nn.Module, Passage]  # what went through the norms that were watched


def run_text(live: LiveModel, ids: Ids, norms: Iterable[nn.Module] = ()) -> Values:
    """Run the model on one sequence, a batch of one, and take the values of its sites as indexing does.

    `norms`: modules to watch, too. GluscopeError for a site that can't be proven, a value that is NaN or infinite, and
    values that don't fit in memory.
    """
    _demand_room(live, len(ids))
    taken = _Taken(live, len(ids))
    with ExitStack() as stack:
        act = stack.enter_context(capture_act(dense_sites(live.sites)))

        def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
            taken.dense(site, gate, in_, act(site, gate), post)

        stack.enter_context(capture(dense_sites(live.sites), observe))
        stack.enter_context(capture_experts(expert_layers(live.sites), taken.experts))
        stack.callback(live.loaded.model.register_forward_hook(taken.end).remove)
        for norm in norms:
            stack.callback(norm.register_forward_hook(taken.norm).remove)
        run_body(live.loaded, torch.from_numpy(ids.astype("int64"))[None])
    assert taken.last is not None  # the whole body ran
    order = {site.address.name: taken.sites[site.address.name] for site in live.sites}
    return Values(ids, order, taken.last, taken.errors, taken.norms)


class _Taken:
    """What the hooks of one pass have taken so far."""

    def __init__(self, live: LiveModel, length: int) -> None:
        self._live = live
        self._length = length
        self.sites: dict[str, SiteValues] = {}
        self.errors: dict[str, float] = {}
        self.norms: dict[nn.Module, Passage] = {}
        self.last: Tensor | None = None

    def end(self, _module: Any, _args: Any, output: Any) -> None:
        """Of the body."""
        self.last = output[0][0].detach().clone()  # position d_model

    def norm(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        entered, left = position_rows(args), position_rows(output)
        if entered is not None and left is not None:
            self.norms[module] = Passage(module, entered, left)

    def dense(self, site: Site, gate: Tensor, in_: Tensor, act: Tensor, post: Tensor) -> None:
        self.errors[site.address.name] = prove(site, gate, in_, post)
        rows = [value.reshape(self._length, -1) for value in (gate, in_, act, post)]
        self._keep(site, torch.arange(self._length), rows)

    def experts(self, layer: ExpertLayer, routed: Routed) -> None:
        self.errors[layer.name] = prove_experts(layer, routed)
        lanes = (routed.gate, routed.in_, routed.act, routed.post)
        for site in layer_sites(self._live.sites, layer):
            rows = ((routed.expert == site.expert) & routed.reached).nonzero()[:, 0]
            rows = rows[routed.token[rows].argsort()]
            weight = None if routed.weight is None else routed.weight[rows].float().cpu()
            self._keep(site, routed.token[rows].cpu(), [lane[rows] for lane in lanes], weight)

    def _keep(self, site: Site, positions: Tensor, lanes: list[Tensor], weight: Tensor | None = None) -> None:
        for lane in lanes:
            if not bool(lane.isfinite().all()):
                raise GluscopeError(
                    f"{site.address}: a value is NaN or infinite", how_to_mend_numbers(self._live.loaded.dtype)
                )
        gate, in_, act, post = (lane.detach().to("cpu", copy=True) for lane in lanes)
        self.sites[site.address.name] = SiteValues(positions, gate, in_, act, post, weight)


def row_of(values: SiteValues, position: int) -> int | None:
    """The row of a position in a site's values; None if it isn't routed there."""
    found = (values.positions == position).nonzero()
    return int(found[0, 0]) if len(found) else None


def _demand_room(live: LiveModel, length: int) -> None:
    """GluscopeError if the values of so many tokens would take most of the memory: experts count once each layer."""
    neurons = sum(site.width for site in dense_sites(live.sites))
    neurons += sum(layer.width for layer in expert_layers(live.sites))
    size = length * neurons * len(QUANTITIES) * getattr(torch, live.loaded.dtype).itemsize
    free = memory_free(torch.device("cpu"))
    if free is not None and size > _SHARE * free:
        raise GluscopeError(
            f"the values of {length:,} tokens take {size / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free",
            "give a shorter text",
        )
