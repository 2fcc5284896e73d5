"""Sites that a model computes at once: the routed experts of a layer, or a dense site alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .experts import ExpertLayer, ExpertSite, expert_layers, layer_sites
from .site import Site


@dataclass(frozen=True, slots=True)
class SiteStack:
    """A stack of sites, equal in all but their weights."""

    name: str  # of a dense site its own, of experts that of their layer
    sites: tuple[Site, ...]
    layer: ExpertLayer | None = None  # of routed experts

    @property
    def experts(self) -> tuple[int, ...] | None:
        """The numbers of the experts; None for a dense site."""
        if self.layer is None:
            return None
        return tuple(site.address.expert for site in self.sites if site.address.expert is not None)


def stacks(sites: Iterable[Site]) -> tuple[SiteStack, ...]:
    """The stacks of sites, dense ones first."""
    sites = tuple(sites)
    alone = (SiteStack(site.address.name, (site,)) for site in dense_sites(sites))
    layers = (SiteStack(layer.name, layer_sites(sites, layer), layer) for layer in expert_layers(sites))
    return (*alone, *layers)


def dense_sites(sites: Iterable[Site]) -> tuple[Site, ...]:
    """The sites that are no routed experts."""
    return tuple(site for site in sites if not isinstance(site, ExpertSite))
