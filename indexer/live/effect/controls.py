"""Neurons to compare one with: of its site, about as often and about as strongly in the same quadrant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ...addresses import NeuronAddress, parse_neuron
from ...database.reader import Index
from ...quadrants import Quadrant
from .result import Controls, Effect, Interval


def alike(index: Index, neuron: NeuronAddress, quadrant: Quadrant, number: int, signs: str) -> list[NeuronAddress]:
    """The `number` neurons of the site nearest in (log frequency, log |mean post|) of the quadrant, itself excluded.

    Nearest first, ties by index. Post has one sign in a quadrant, so |mean post| is the mean of |post|. Neurons that
    never visit the quadrant, or whose post is 0 there, aren't compared; a neuron like that has no controls.
    """
    letters = quadrant.letters
    columns = ("index", f"frequency_{letters}", f"mean_post_{letters}")
    rows = index.rows(columns, where=f"site = '{neuron.site.name}'", signs=signs)
    places = {
        int(row): (math.log(frequency), math.log(abs(mean))) for row, frequency, mean in rows if frequency and mean
    }
    own = places.pop(neuron.index, None)
    if own is None:
        return []
    nearest = sorted(places, key=lambda row: (math.dist(own, places[row]), row))
    return [NeuronAddress(neuron.site, row) for row in nearest[:number]]


class NeuronsAlone:
    """What altering single neurons changes, as far as it is measured: none is measured twice, as a row and as a control
    of others."""

    def __init__(self) -> None:
        self._nll_at: dict[tuple[NeuronAddress, str], float | None] = {}  # by neuron and quadrant

    def __iter__(self) -> Iterator[tuple[NeuronAddress, str]]:
        return iter(self._nll_at)

    def add(self, neuron: NeuronAddress, label: str, found: Interval | None) -> None:
        """Note the change of a neuron in a quadrant."""
        self._nll_at[neuron, label] = None if found is None else found.mean

    def remember(self, rows: Iterable[Effect]) -> None:
        """Note rows that were measured earlier; those of sets are none of single neurons."""
        for row in rows:
            if "+" not in row.neuron:
                self.add(parse_neuron(row.neuron), row.quadrant, row.main.nll_at)

    def compare(self, own: Interval | None, neurons: Sequence[NeuronAddress], label: str) -> Controls:
        """A neuron's |nll_at| among those of its controls, which were measured; those without a value don't count."""
        found = tuple(self._nll_at[neuron, label] for neuron in neurons)
        known = [abs(value) for value in found if value is not None]
        place = None if own is None else 1 + sum(value > abs(own.mean) for value in known)
        return Controls(len(known), place, tuple(neuron.name for neuron in neurons), found)
