"""Neurons to compare one with: of its site, about as often and about as strongly in the same quadrant."""

from __future__ import annotations

import math

from ...addresses import NeuronAddress
from ...database.reader import Index
from ...quadrants import Quadrant
from .result import Controls


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


def compared(own: float | None, neurons: list[NeuronAddress], found: list[float | None]) -> Controls:
    """A neuron's |nll_at| among those of its controls; those without a value don't count."""
    known = [abs(value) for value in found if value is not None]
    place = None if own is None else 1 + sum(value > abs(own) for value in known)
    return Controls(len(known), place, tuple(neuron.name for neuron in neurons), tuple(found))
