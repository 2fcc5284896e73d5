"""The neurons that a command line names: addresses, and those of stdin for `-`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant, parse_quadrant

from .output import complain
from .streams import stdin_lines


class Asked(NamedTuple):
    """A neuron that was asked for."""

    address: str
    line: int | None = None  # of stdin
    quadrant: Quadrant | None = None  # named beside it


class Addresses:
    """The addresses of the neurons asked for, each with the quadrant beside it.

    Addresses that the index lacks are reported, counted and skipped.
    """

    def __init__(self, index: Index, neurons: Iterable[str]) -> None:
        self._index = index
        self._asked = named(neurons)
        self.refused = 0

    def __iter__(self) -> Iterator[tuple[NeuronAddress, Quadrant | None]]:
        for text, line, quadrant in self._asked:
            try:
                address = self._index.address(text)
            except GluscopeError as error:
                self.refused += 1
                complain(error if line is None else GluscopeError(f"line {line} of stdin: {error.cause}", error.fix))
                continue
            yield address, quadrant


def named(neurons: Iterable[str]) -> Iterator[Asked]:
    """The addresses; `-` stands for the lines of stdin, without blank lines and comments."""
    for neuron in neurons:
        if neuron != "-":
            yield Asked(neuron)
            continue
        for number, line in enumerate(stdin_lines(), 1):
            fields = line.split(maxsplit=1)
            if fields and not fields[0].startswith("#"):
                yield Asked(fields[0], number, _beside(line))


def _beside(line: str) -> Quadrant | None:
    """The quadrant beside the address: the second tab-separated field, or all that follows the address."""
    address, tab, rest = line.strip().partition("\t")
    field = rest.split("\t")[0] if tab else address.partition(" ")[2]
    try:
        return parse_quadrant(field)
    except GluscopeError:
        return None  # a note, or nothing
