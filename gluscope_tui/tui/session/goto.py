"""Parses the go-to prompt: `345`, `+20`, `-20`, `L13`, `E3`, `12.345`, `L12N345 -+` and bare quadrants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.addresses import NeuronAddress, SiteAddress, parse_neuron, parse_site
from indexer.database.records import SiteRecord
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant, parse_quadrant

from .current_list import CurrentList
from .site_steps import SiteSteps

_QUADRANT = re.compile(r"(?:^|\s)([+-]{2}|[pn]{2})$", re.IGNORECASE)
_RELATIVE = re.compile(r"[+-]\d{1,9}", re.ASCII)
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_IN_LAYER = re.compile(r"E(\d{1,9})|(S)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a go-to: a step within the current list or a neuron, and a quadrant if one was named."""

    step: int = 0
    neuron: NeuronAddress | None = None
    quadrant: Quadrant | None = None


def parse_goto(text: str, current: CurrentList, sites: Sequence[SiteRecord]) -> Target:
    """Parse the text of the prompt. Raises GluscopeError, which names the valid range, if the place doesn't exist."""
    words = text.strip()
    quadrant = None
    if found := _QUADRANT.search(words):
        quadrant, words = parse_quadrant(found[1]), words[: found.start()].strip()
        if not words:
            return Target(quadrant=quadrant)
    if not words:
        raise GluscopeError("nowhere to go", "345, +20, L13, 12.345 or L12N345 -+")
    if _RELATIVE.fullmatch(words):
        return Target(step=_step(int(words), current), quadrant=quadrant)
    here = current.neuron
    if _INDEX.fullmatch(words):
        neuron = NeuronAddress(here.site, int(words))
    else:
        neuron = _neuron(words, here, sites)
    return Target(neuron=checked(neuron, sites), quadrant=quadrant)


def _step(by: int, current: CurrentList) -> int:
    before, after = current.place, len(current) - 1 - current.place
    if not -before <= by <= after:
        raise GluscopeError(f"{by:+d} leaves the list", f"from here it goes from -{before} to +{after}")
    return by


def _neuron(words: str, here: NeuronAddress, sites: Sequence[SiteRecord]) -> NeuronAddress:
    """A whole address, or the same index in the named site. In a layer with experts, the same expert."""
    if found := _IN_LAYER.fullmatch(words):
        expert = None if found[1] is None else int(found[1])
        return NeuronAddress(SiteAddress(here.site.stack, here.site.layer, expert, bool(found[2])), here.index)
    try:
        site = parse_site(words)
    except GluscopeError:
        return parse_neuron(words)
    if site == SiteAddress("", site.layer) and all(one.address != site for one in sites):
        like = SiteSteps(sites).like(here.site, here.site.stack, site.layer)
        site = site if like is None else like.address
    return NeuronAddress(site, here.index)


def checked(neuron: NeuronAddress, sites: Sequence[SiteRecord]) -> NeuronAddress:
    """The neuron, if the index holds it. Otherwise raises GluscopeError, which names the valid range."""
    site = find_site(neuron.site, sites)
    if neuron.index >= site.width:
        raise GluscopeError(f"there is no {neuron}", f"{site.address} has neurons 0-{site.width - 1}")
    return neuron


def find_site(address: SiteAddress, sites: Sequence[SiteRecord]) -> SiteRecord:
    """The record of a site. Raises GluscopeError, which names the first and last site, if the index lacks it."""
    for site in sites:
        if site.address == address:
            return site
    raise GluscopeError(f"there is no {address}", f"the index has {sites[0].address} to {sites[-1].address}")
