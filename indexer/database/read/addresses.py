"""Finds the sites and neurons of an index; for a missing one, says which addresses exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...addresses import NeuronAddress, SiteAddress, is_site, parse_neuron, parse_site, ranges
from ...errors import GluscopeError
from ..records import SiteRecord


def read_neuron(sites: Sequence[SiteRecord], example: NeuronAddress | None, text: str) -> NeuronAddress:
    """The address that a text spells. If it spells none, a GluscopeError that names the `example`."""
    try:
        return parse_neuron(text)
    except GluscopeError as error:
        if not sites:
            raise
        cause, fix = error.cause, f"write a neuron like {_spellings(example or NeuronAddress(sites[0].address, 0))}"
        if is_site(text):
            cause = f"{cause.removesuffix(' is not a neuron address')} is a whole MLP, not one neuron"
            named = [site for site in sites if site.address == parse_site(text)]
            fix = f"its neurons are {_neurons(named[0])}" if named else fix
        raise GluscopeError(cause, fix) from None


def find_site(
    sites: Sequence[SiteRecord], info: dict[str, Any], address: SiteAddress, neuron: int | None = None
) -> SiteRecord:
    """The site of an address. If there is none, a GluscopeError that lists the existing ones.

    `neuron`: the requested index in the site; with it the fix names a neuron, without it a site.
    """
    for site in sites:
        if site.address == address:
            return site
    if not sites:
        raise GluscopeError("this index holds no neurons", "make it again with gluscope index")
    nearest = min(sites, key=lambda site: _distance(site.address, address))
    wanted = 0 if neuron is None else min(neuron, nearest.width - 1)
    instead = f"try {nearest.address if neuron is None else NeuronAddress(nearest.address, wanted)}"
    stacks = sorted({site.address.stack for site in sites})
    if address.stack not in stacks:
        names = " or ".join(f"{stack}.L0N0" if stack else "L0N0" for stack in stacks)
        raise GluscopeError(f"there is no {address}: neurons of this model are written like {names}", instead)
    layers = info["model"].get("layers")
    indexed = {site.address.layer for site in sites if site.address.stack == address.stack}
    if isinstance(layers, int) and address.layer >= layers:
        some = "" if len(indexed) == layers else f", of which this index has {ranges(indexed)}"
        raise GluscopeError(f"there is no {address}: {_model(info)} has layers 0 to {layers - 1}{some}", instead)
    if address.layer in indexed:
        there = _names([site.address for site in sites if _same_layer(site.address, address)])
        raise GluscopeError(f"there is no {address}: layer {address.layer} has {there} in this index", instead)
    raise GluscopeError(
        f"layer {address.layer} was not indexed, only {ranges(indexed)}", f"{instead}, or index it too with --layers"
    )


def check_neuron(site: SiteRecord, index: int) -> None:
    """GluscopeError if the site has too few neurons."""
    if not 0 <= index < site.width:
        raise GluscopeError(
            f"there is no {NeuronAddress(site.address, index)}: {site.address} has neurons 0 to {site.width - 1}",
            f"try {NeuronAddress(site.address, site.width - 1)}",
        )


def _neurons(site: SiteRecord) -> str:
    return f"{NeuronAddress(site.address, 0)} to {NeuronAddress(site.address, site.width - 1)}"


def _spellings(example: NeuronAddress) -> str:
    """The spellings of a neuron: its name, and GLUScope's spelling if it has one."""
    site = example.site
    short = not site.stack and site.expert is None and not site.shared
    return f"{example} or {site.layer}.{example.index}" if short else example.name


def _names(addresses: Sequence[SiteAddress]) -> str:
    """The sites of a layer in a few words: L3E0 to L3E7, L3S."""
    experts = [address for address in addresses if address.expert is not None]
    others = [address.name for address in addresses if address.expert is None]
    if len(experts) < 3:
        return ", ".join(address.name for address in addresses)
    whole = len(experts) == 1 + (experts[-1].expert or 0) - (experts[0].expert or 0)
    said = f"{experts[0]} to {experts[-1]}" if whole else f"{len(experts)} experts from {experts[0]} to {experts[-1]}"
    return ", ".join((said, *others))


def _model(info: dict[str, Any]) -> str:
    return str(info["model"].get("name", "this model"))


def _same_layer(one: SiteAddress, other: SiteAddress) -> bool:
    return (one.stack, one.layer) == (other.stack, other.layer)


def _distance(one: SiteAddress, other: SiteAddress) -> tuple[int, int, int, int]:
    return (
        int(one.stack != other.stack),
        abs(one.layer - other.layer),
        int(one.shared != other.shared),
        abs((-1 if one.expert is None else one.expert) - (-1 if other.expert is None else other.expert)),
    )
