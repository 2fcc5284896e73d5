"""The current list of neurons: what `j` and `k` step through, and the place in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from indexer.addresses import NeuronAddress
from indexer.database.records import SiteRecord


@dataclass(frozen=True, slots=True)
class CurrentList:
    """Neurons in an order, and the place of the one shown. A whole site is kept as its record alone.

    `title` says in the header what the list is: "in layer, by index", "marks", a file's name.
    """

    title: str
    neurons: Sequence[NeuronAddress]
    place: int = 0

    @property
    def neuron(self) -> NeuronAddress:
        return self.neurons[self.place]

    def __len__(self) -> int:
        return len(self.neurons)

    def step(self, by: int) -> CurrentList:
        """The list `by` places further, stopping at its ends: then the place may be the same."""
        return self.at(min(max(self.place + by, 0), len(self.neurons) - 1))

    def at(self, place: int) -> CurrentList:
        return replace(self, place=place)

    def find(self, neuron: NeuronAddress) -> CurrentList | None:
        """The list at this neuron, or None where the list does not hold it."""
        try:
            return self.at(self.neurons.index(neuron))
        except ValueError:
            return None


class SiteNeurons(Sequence[NeuronAddress]):
    """All neurons of a site, by index, made when asked for."""

    def __init__(self, site: SiteRecord) -> None:
        self.site = site

    def __len__(self) -> int:
        return self.site.width

    @overload
    def __getitem__(self, place: int) -> NeuronAddress: ...
    @overload
    def __getitem__(self, place: slice) -> list[NeuronAddress]: ...
    def __getitem__(self, place: int | slice) -> NeuronAddress | list[NeuronAddress]:
        if isinstance(place, slice):
            return [NeuronAddress(self.site.address, index) for index in range(self.site.width)[place]]
        return NeuronAddress(self.site.address, range(self.site.width)[place])

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        if not isinstance(value, NeuronAddress):
            raise ValueError(f"{value!r} is no neuron")
        inside = value.site == self.site.address and 0 <= value.index < self.site.width
        if not inside or value.index < start or (stop is not None and value.index >= stop):
            raise ValueError(f"{value} is not in {self.site.address}")
        return value.index


def site_list(site: SiteRecord, index: int = 0) -> CurrentList:
    """A site's neurons by index, at the given one."""
    return CurrentList("in layer, by index", SiteNeurons(site), index)
