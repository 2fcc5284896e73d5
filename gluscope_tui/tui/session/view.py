"""How the neuron is shown: ranking, colours, scale, cursors. Frozen; every key makes a new View."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from indexer.addresses import NeuronAddress
from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ...views.contexts import colour_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read: a neuron, with the signs and the ranking that the panes show."""

    neuron: NeuronAddress
    signs: str
    ranking: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """A context of a pane and a token in it; None is the peak."""

    context: int = 0
    token: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Everything about the panes that a key changes, except for the neuron."""

    focused: Quadrant = Quadrant.PP
    ranking: str = "post"
    quantity: str | None = None  # the quantity shown by colour; None for the ranking's own
    signs: str = "aligned"
    scale: str = "neuron"  # or "pane"
    all_tokens: bool = False
    wrap: bool = False
    zoomed: bool = False
    in_list: bool = False
    find: str = ""
    cursors: Mapping[Quadrant, Cursor] = field(default_factory=dict)

    @property
    def colour(self) -> str:
        """The quantity shown by the colour of tokens."""
        return self.quantity or colour_of(self.ranking)

    def cursor(self, quadrant: Quadrant | None = None) -> Cursor:
        return self.cursors.get(quadrant or self.focused, Cursor())

    def with_cursor(self, cursor: Cursor, quadrant: Quadrant | None = None) -> View:
        return replace(self, cursors={**self.cursors, quadrant or self.focused: cursor})

    def looking_at(self, quadrant: Quadrant, context: int) -> View:
        """The same view with the cursor on a context of this pane."""
        return replace(self, focused=quadrant).with_cursor(Cursor(context), quadrant)

    def at_start(self) -> View:
        """The same view of another neuron: every cursor on its first peak."""
        return replace(self, cursors={})


def examples(record: QuadrantRecord, ranking: str) -> tuple[Example, ...]:
    """The contexts of a pane; empty if the ranking keeps none in this quadrant."""
    return record.examples.get(ranking, ())


def after(choice: str, choices: tuple[str, ...], by: int = 1) -> str:
    """The choice after the current one; the first follows the last."""
    place = choices.index(choice) if choice in choices else -by
    return choices[(place + by) % len(choices)]


def next_filled(record: NeuronRecord, view: View, by: int = 1) -> Quadrant:
    """The next quadrant that has contexts, for Tab; the same one if no other has any."""
    start = QUADRANTS.index(view.focused)
    for step in range(1, len(QUADRANTS)):
        quadrant = QUADRANTS[(start + by * step) % len(QUADRANTS)]
        if examples(record.quadrants[quadrant], view.ranking):
            return quadrant
    return view.focused
