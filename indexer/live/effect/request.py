"""What `gluscope effect` is asked for. No torch, so that the command line and the explorer can write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...addresses import NeuronAddress
from ...errors import GluscopeError
from ...quadrants import QUADRANTS, Quadrant, parse_quadrant
from .replacement import Replacement, parse_replacement
from .result import ALL

LABELS = (*(quadrant.value for quadrant in QUADRANTS), ALL)
"""The quadrants of a row, in the order of the table."""

CONTEXTS = 8
"""Contexts of each kind, by default."""


def parse_label(text: str) -> str:
    """A quadrant's sign name, or `all`; GluscopeError otherwise."""
    return ALL if text.strip().lower() == ALL else parse_quadrant(text).value


def quadrants_of(label: str) -> frozenset[Quadrant]:
    """The quadrants of a row."""
    return frozenset(QUADRANTS) if label == ALL else frozenset((Quadrant(label),))


@dataclass(frozen=True, slots=True)
class Target:
    """A row to measure: a neuron, or a set of neurons together, in a quadrant or in all."""

    neurons: tuple[NeuronAddress, ...]
    label: str

    @property
    def name(self) -> str:
        """Of the neurons, as the row has it."""
        return "+".join(neuron.name for neuron in self.neurons)

    @property
    def key(self) -> tuple[str, str]:
        """What tells its row from others of the same run."""
        return self.name, self.label


@dataclass(frozen=True, slots=True)
class Request:
    """How rows are measured: everything but the text."""

    to: Replacement = field(default_factory=lambda: parse_replacement("zero"))
    signs: str = "aligned"
    contexts: int = CONTEXTS  # of each kind, if there is no other text
    extremes: bool = True  # measure the extreme contexts too
    controls: int = 0
    marked: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What identifies a run, by the names of the options."""
        return {"to": self.to.name, "signs": self.signs, "contexts": self.contexts, "controls": self.controls}


def targets(neurons: Sequence[NeuronAddress], labels: Sequence[str], *, together: bool) -> list[Target]:
    """The rows of some neurons, each once, in their order. GluscopeError if there are none."""
    distinct = tuple(dict.fromkeys(neurons))
    if not distinct:
        raise GluscopeError("no neuron is named", "name one: gluscope effect L12N345")
    sets = [distinct] if together else [(neuron,) for neuron in distinct]
    return [Target(each, label) for each in sets for label in labels]
