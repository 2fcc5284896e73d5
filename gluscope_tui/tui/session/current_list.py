"""The current list of neurons, through which `j` and `k` step, and the place in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from indexer.addresses import NeuronAddress
from indexer.database.records import SiteRecord
from indexer.quadrants import Quadrant

from .numbering import Numbering


@dataclass(frozen=True, slots=True)
class Sight:
    """A context of a neuron: its place in a ranking's list of a quadrant. The quadrant's name follows `signs`."""

    quadrant: Quadrant
    ranking: str
    context: int = 0  # from 0
    signs: str = "aligned"

    def quadrant_under(self, signs: str, flipped: bool | None) -> Quadrant:
        """The quadrant's name under other signs, for a neuron that is flipped or not."""
        return self.quadrant.flipped if flipped and signs != self.signs else self.quadrant


@dataclass(frozen=True, slots=True)
class CurrentList:
    """Neurons in an order, and the place of the one shown.

    A whole site is kept as its record alone, the rows of a query as their numbers. `title` names the list in the
    header: "in layer", "marks", a condition, a file's name. `order` names the sort, "" if the list is unsorted.
    `sights`, if any, has one entry per row: the context that the row stands for, or None for the whole neuron. A
    neuron may then occur several times.
    """

    title: str
    neurons: Sequence[NeuronAddress]
    place: int = 0
    order: str = ""
    sights: Sequence[Sight | None] = ()

    @property
    def label(self) -> str:
        """The list's title and order."""
        return f"{self.title}, by {self.order}" if self.order else self.title

    @property
    def neuron(self) -> NeuronAddress:
        return self.neurons[self.place]

    @property
    def sight(self) -> Sight | None:
        """The context that the current row stands for; None for the whole neuron."""
        return self.sights[self.place] if self.sights else None

    def __len__(self) -> int:
        return len(self.neurons)

    def step(self, by: int) -> CurrentList:
        """The list moved by `by` places, stopping at its ends."""
        return self.at(min(max(self.place + by, 0), len(self.neurons) - 1))

    def at(self, place: int) -> CurrentList:
        return replace(self, place=place)

    def find(self, neuron: NeuronAddress) -> CurrentList | None:
        """The list at this neuron's first row, or None if the list doesn't hold it."""
        try:
            return self.at(self.neurons.index(neuron))
        except ValueError:
            return None


class _MadeWhenAsked(Sequence[NeuronAddress]):
    """Neurons made on demand: `_at` makes the one at a place."""

    def _at(self, place: int) -> NeuronAddress:
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> NeuronAddress: ...
    @overload
    def __getitem__(self, place: slice) -> list[NeuronAddress]: ...
    def __getitem__(self, place: int | slice) -> NeuronAddress | list[NeuronAddress]:
        places = range(len(self))
        return [self._at(one) for one in places[place]] if isinstance(place, slice) else self._at(places[place])


class SiteNeurons(_MadeWhenAsked):
    """All neurons of a site, by index."""

    def __init__(self, site: SiteRecord) -> None:
        self.site = site

    def __len__(self) -> int:
        return self.site.width

    def _at(self, place: int) -> NeuronAddress:
        return NeuronAddress(self.site.address, place)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        if not isinstance(value, NeuronAddress):
            raise ValueError(f"{value!r} is not a neuron address")
        inside = value.site == self.site.address and 0 <= value.index < self.site.width
        if not inside or value.index < start or (stop is not None and value.index >= stop):
            raise ValueError(f"{value} is not in {self.site.address}")
        return value.index


class NumberedNeurons(_MadeWhenAsked):
    """The rows of a query in its order, as numbers: 8 bytes a neuron, with no row read."""

    def __init__(self, numbers: Sequence[int], numbering: Numbering) -> None:
        self.numbers = numbers
        self._numbering = numbering

    def __len__(self) -> int:
        return len(self.numbers)

    def _at(self, place: int) -> NeuronAddress:
        return self._numbering.address(self.numbers[place])

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        try:
            place = self.numbers.index(self._numbering.number(value))
        except (KeyError, AttributeError):
            raise ValueError(f"{value!r} is not a neuron of this index") from None
        if place < start or (stop is not None and place >= stop):
            raise ValueError(f"{value} is not there")
        return place


def site_list(site: SiteRecord, index: int = 0) -> CurrentList:
    """A list of a site's neurons by index, at the given one."""
    return CurrentList("in layer", SiteNeurons(site), index, "index")
