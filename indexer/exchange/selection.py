"""What an export of data takes of an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..addresses import NeuronAddress
from ..database.reader import Index
from ..database.records import NeuronRecord


@dataclass(frozen=True, slots=True)
class Selection:
    """The neurons and the contexts to export. `neurons` None: all; `rankings` None: all that the index keeps."""

    neurons: tuple[NeuronAddress, ...] | None = None
    rankings: tuple[str, ...] | None = None
    limit: int | None = None  # contexts for each ranking and quadrant
    signs: str = "aligned"

    def addresses(self, index: Index) -> Iterator[NeuronAddress]:
        """The neurons, in the order asked for, or of the model."""
        if self.neurons is not None:
            yield from self.neurons
            return
        for site in index.sites:
            for number in range(site.width):
                yield NeuronAddress(site.address, number)

    def count(self, index: Index) -> int:
        """How many neurons these are."""
        return index.neuron_count if self.neurons is None else len(self.neurons)

    def record(
        self, index: Index, neuron: NeuronAddress, *, sample: bool = False, weights: bool = False
    ) -> NeuronRecord:
        """The record of a neuron with the contexts to export."""
        return index.neuron(
            neuron, signs=self.signs, rankings=self.rankings, limit=self.limit, sample=sample, weights=weights
        )
