"""Converts between addresses of neurons and row numbers in the index; very long lists are kept as row numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from indexer.addresses import NeuronAddress
from indexer.database.records import SiteRecord


class Numbering:
    """The row numbers of an index's sites: each site's neurons are consecutive from its first."""

    def __init__(self, sites: Iterable[SiteRecord]) -> None:
        self._sites = sorted(sites, key=lambda site: site.first_neuron)
        self._firsts = [site.first_neuron for site in self._sites]
        self._by_address = {site.address: site for site in self._sites}
        self.count = sum(site.width for site in self._sites)

    def all(self) -> Sequence[int]:
        """Every row number, in the order of the index."""
        if self._firsts and self._firsts[-1] + self._sites[-1].width - self._firsts[0] == self.count:
            return range(self._firsts[0], self._firsts[0] + self.count)
        return [number for site in self._sites for number in range(site.first_neuron, site.first_neuron + site.width)]

    def site(self, number: int) -> SiteRecord:
        """The site that a row number belongs to."""
        return self._sites[bisect_right(self._firsts, number) - 1]

    def address(self, number: int) -> NeuronAddress:
        """The neuron with a row number."""
        site = self.site(number)
        return NeuronAddress(site.address, number - site.first_neuron)

    def number(self, neuron: NeuronAddress) -> int:
        """The row number of a neuron that the index holds; KeyError otherwise."""
        site = self._by_address[neuron.site]
        if not 0 <= neuron.index < site.width:
            raise KeyError(neuron)
        return site.first_neuron + neuron.index
