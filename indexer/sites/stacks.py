"""Sites whose values are merged at once: the routed experts of a layer, or several like dense sites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .experts import ExpertLayer, ExpertSite, expert_layers, layer_sites
from .site import Site


@dataclass(frozen=True, slots=True)
class SiteStack:
    """A stack of sites, equal in all but their weights."""

    name: str  # a dense site's own name; for several the first and the last one's; for experts their layer's
    sites: tuple[Site, ...]
    layer: ExpertLayer | None = None  # of routed experts

    @property
    def experts(self) -> tuple[int, ...] | None:
        """The numbers of the experts; None for a dense site."""
        if self.layer is None:
            return None
        return tuple(site.address.expert for site in self.sites if site.address.expert is not None)


def stacks(sites: Iterable[Site], together: Callable[[Site], int] = lambda _: 1) -> tuple[SiteStack, ...]:
    """The stacks of sites, dense ones first. `together`: how many dense sites of the same form may share a stack."""
    sites = tuple(sites)
    dense = (
        SiteStack("-".join(dict.fromkeys((group[0].address.name, group[-1].address.name))), group)
        for group in _alike(dense_sites(sites), together)
    )
    layers = (SiteStack(layer.name, layer_sites(sites, layer), layer) for layer in expert_layers(sites))
    return (*dense, *layers)


def _alike(sites: tuple[Site, ...], together: Callable[[Site], int]) -> Iterator[tuple[Site, ...]]:
    """Runs of sites that are equal in all but their weights, in their order."""
    group: list[Site] = []
    for site in sites:
        if group and (len(group) >= together(group[0]) or _form(site) != _form(group[0])):
            yield tuple(group)
            group = []
        group.append(site)
    if group:
        yield tuple(group)


def _form(site: Site) -> tuple[object, ...]:
    return site.address.stack, site.width, site.activation, site.sign_preserving, site.device


def dense_sites(sites: Iterable[Site]) -> tuple[Site, ...]:
    """The sites that are not routed experts."""
    return tuple(site for site in sites if not isinstance(site, ExpertSite))
