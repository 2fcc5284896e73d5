"""Steps through the layers, and through the gated MLPs of a layer: experts and the shared expert. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from indexer.addresses import SiteAddress
from indexer.database.records import SiteRecord


class SiteSteps:
    """The sites of an index by layer, both in the index's order."""

    def __init__(self, sites: Iterable[SiteRecord]) -> None:
        layers: dict[tuple[str, int], list[SiteRecord]] = {}
        for site in sites:
            layers.setdefault((site.address.stack, site.address.layer), []).append(site)
        self._layers = layers
        self._order = list(layers)
        self._places = {layer: place for place, layer in enumerate(self._order)}
        self.several = any(len(layer) > 1 for layer in layers.values())
        """Whether a layer has more than one gated MLP."""

    def layer_beside(self, here: SiteAddress, by: int) -> SiteRecord | None:
        """The site most like this one in the layer `by` layers further, or None past the ends."""
        place = self._places[here.stack, here.layer] + by
        return self.like(here, *self._order[place]) if 0 <= place < len(self._order) else None

    def like(self, here: SiteAddress, stack: str, layer: int) -> SiteRecord | None:
        """The site of a layer that is most like this one; None if the index lacks the layer.

        An expert is most like the same expert, then the one with the nearest number. MLPs that see every token (dense
        or shared) are like each other.
        """
        sites = self._layers.get((stack, layer), ())
        return min(sites, key=lambda site: _difference(here, site.address), default=None)

    def site_beside(self, here: SiteAddress, by: int) -> SiteRecord | None:
        """The site `by` places further in the same layer, or None past its ends."""
        sites = self._layers[here.stack, here.layer]
        place = next(place for place, site in enumerate(sites) if site.address == here) + by
        return sites[place] if 0 <= place < len(sites) else None


def _difference(one: SiteAddress, other: SiteAddress) -> tuple[bool, bool, int]:
    """How different two sites of different layers are; smaller means more alike."""
    routed = one.expert is not None, other.expert is not None
    return routed[0] != routed[1], one.shared != other.shared, abs((one.expert or 0) - (other.expert or 0))


def layer_name(address: SiteAddress) -> str:
    """The name of a site's layer: `L12`, `enc.L3`."""
    return SiteAddress(address.stack, address.layer).name


def kind_name(address: SiteAddress) -> str:
    """The name of a site within its layer: `E3`, `shared expert`, `dense MLP`."""
    return "shared expert" if address.shared else "dense MLP" if address.expert is None else f"E{address.expert}"
