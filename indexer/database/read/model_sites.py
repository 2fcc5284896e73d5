"""The sites of the whole model, indexed or not: which neuron a number of the model stands for."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from ...addresses import NeuronAddress, SiteAddress, parse_site
from ...errors import GluscopeError
from ..format.kinds import ADDRESS, COUNT
from .connection import Connection
from .inflate import DamagedValue


class ModelSites:
    """The table `weight_sites`, as far as it numbers neurons."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def neuron(self, number: int) -> NeuronAddress:
        """The neuron of a number in the model; DamagedValue if there is none."""
        firsts, sites, end = self._sites
        place = bisect_right(firsts, number) - 1
        if place < 0 or number >= end:
            raise DamagedValue("a listed neuron is in no site")
        return NeuronAddress(sites[place], number - firsts[place])

    @cached_property
    def _sites(self) -> tuple[list[int], list[SiteAddress], int]:
        """The numbers at which the sites begin, ascending, their addresses, and how many neurons they have."""
        rows = self._connection.rows(
            "SELECT first_neuron, name, width FROM weight_sites ORDER BY first_neuron", (COUNT, ADDRESS, COUNT)
        )
        try:
            addresses = [parse_site(name) for _, name, _ in rows]
        except GluscopeError as error:
            raise self._connection.damaged("a row of weight_sites names no site") from error
        return [first for first, _, _ in rows], addresses, rows[-1][0] + rows[-1][2] if rows else 0
