"""The lists of other neurons that a neuron's weights give: nearest ones, those that feed it, those that it feeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from indexer.database.records import WIRING_LISTS, Neighbour, NeuronWeights, Wire

from ..colour.style import Style, StyledLine
from ..text.cells import fit, shorten
from .wiring import HEADS, chance, drives_in_words

CELLS = 26
"""Of a list among others."""

_TITLES = ("what feeds the gate of {}", "what feeds the in of {}", "whose gate {} feeds", "whose in {} feeds")


@dataclass(frozen=True, slots=True)
class NeuronList:
    """Other neurons, the largest |cosine| first."""

    head: str  # above it, where the neuron is known
    title: str  # of the list alone
    neurons: tuple[Neighbour | Wire, ...]
    name: str = ""  # of WIRING_LISTS; "": the nearest neurons
    band: float | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """As many lists side by side as fit, and the one with the cursor among them."""

    lists: Sequence[NeuronList]
    width: int
    column: int  # of the cursor
    place: int

    @property
    def first(self) -> int:
        """The first list that is shown."""
        return max(0, self.column - self.fitting + 1)

    @property
    def fitting(self) -> int:
        return max(1, self.width // CELLS)

    @property
    def rows(self) -> int:
        """How many neurons the longest list has."""
        return max((len(one.neurons) for one in self.lists), default=0)

    def column_at(self, cell: int) -> int:
        """The list that contains a cell of a line."""
        return min(self.first + cell // CELLS, len(self.lists) - 1)


def neuron_lists(weights: NeuronWeights) -> tuple[NeuronList, ...]:
    """The lists in order: nearest by w_out and by w_in, and, if the index has them, what feeds it and what it feeds."""
    neuron, wiring = weights.neuron, weights.wiring
    nearest = tuple(
        NeuronList(f"nearest by {vector}", f"nearest {neuron} by {vector}", found)
        for vector, found in (("w_out", weights.nearest_out), ("w_in", weights.nearest_in))
    )
    if wiring is None:
        return nearest
    wired = (
        NeuronList(HEADS[name], title.format(neuron), wiring[name], name, wiring.bands[name])
        for name, title in zip(WIRING_LISTS, _TITLES, strict=True)
    )
    return (*nearest, *wired)


def strip_lines(strip: Strip, text: Style, faint: Style, strong: Style, cursor: str) -> Iterator[StyledLine]:
    """The heads of the lists that fit, and their neurons row by row; arrows where there are more."""
    last = strip.first + strip.fitting
    shown = strip.lists[strip.first : last]
    left = "< " if strip.first else ""
    right = " >" if last < len(strip.lists) else ""
    heads = [
        fit(f" {left if one is shown[0] else ''}{one.head}{right if one is shown[-1] else ''}", CELLS) for one in shown
    ]
    yield tuple([(head, strong if place == strip.column else faint) for place, head in enumerate(heads, strip.first)])
    for place, row in enumerate(zip_longest(*(one.neurons for one in shown), fillvalue=None)):
        parts: list[tuple[str, Style]] = []
        for column, other in enumerate(row, strip.first):
            here = other is not None and (column, place) == (strip.column, strip.place)
            mark = cursor if here else " "
            words = "" if other is None else f"{mark}{other.neuron!s:<14} {other.cosine:+.3f}"
            if other is None and place == 0:
                words = " none"
            parts.append((fit(words, CELLS), strong if here else text if other is not None else faint))
        yield tuple(parts)
    for _ in range(strip.rows - max((len(one.neurons) for one in shown), default=0)):
        yield ()


def told(strip: Strip, *, ascii_only: bool) -> str:
    """What the neuron under the cursor does, in words, with the band of chance; "" for a nearest neuron."""
    chosen = strip.lists[strip.column]
    if strip.place >= len(chosen.neurons):
        return ""
    one = chosen.neurons[strip.place]
    if not isinstance(one, Wire):
        return ""
    band = chance(chosen.band, ascii_only=ascii_only)
    words = "; ".join(filter(None, (drives_in_words(chosen.name, one), band)))
    return shorten(words, max(strip.width - 2, 8), ascii_only=ascii_only)
