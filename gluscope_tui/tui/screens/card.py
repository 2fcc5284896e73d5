"""The card of home's neuron: facts from its weights, with a cursor on the neurons near it, before it and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.database.records import Neighbour, Wire
from indexer.errors import GluscopeError

from ...colour.style import StyledLine
from ...views.card import CardLook, card, facts_of, list_rows, missing
from ...views.neuron_lists import Strip, neuron_lists
from ..session.current_list import CurrentList
from ..session.goto import Target, checked
from ..widgets.styled_lines import StyledLines
from .about import AboutScreen

_NONE = "no neuron of this list is known here"


class CardScreen(AboutScreen, scope="card"):
    """Class, cosines, tokens and lists of other neurons. Enter goes to the neuron under the cursor."""

    column = place = 0
    _of: NeuronAddress | None = None
    _strip = Strip((), 0, 0, 0)  # of the weights that are shown, if there are any
    _count_above = 0  # lines before the first neurons of the lists

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        palette, explorer = self.palette, self.session.explorer
        weights = explorer.record.weights
        entropies = {quadrant: own.peak_entropy for quadrant, own in explorer.record.quadrants.items()}
        writes, reads = list_rows(height, 0 if weights is None else len(facts_of(weights, entropies)))
        look = CardLook(
            writes,
            reads,
            text=palette.text,
            faint=palette.faint,
            strong=palette.strong,
            cursor=palette.glyphs.cursor,
            ascii_only=palette.ascii_only,
            no_wiring=explorer.facts.no_wiring,
        )
        if weights is None:
            self._strip = Strip((), width, 0, 0)
            path = explorer.facts.path if explorer.facts.adds_weights else None
            return missing(explorer.facts.no_weights, path, width, look)
        if self._of != explorer.shown.neuron:
            self._of, self.place = explorer.shown.neuron, 0
        lists = neuron_lists(weights)
        self.column = min(self.column, len(lists) - 1)
        self.place = min(self.place, max(0, len(lists[self.column].neurons) - 1))
        self._strip = Strip(lists, width, self.column, self.place)
        lines = card(weights, width, look, (self.column, self.place), entropies)
        self._count_above = len(lines) - self._strip.rows - 1
        return lines

    def in_sight(self) -> int:
        return self._count_above + self.place if self._chosen and self.place else self.top

    @property
    def _chosen(self) -> tuple[Neighbour | Wire, ...]:
        """The neurons of the list with the cursor."""
        return self._strip.lists[self.column].neurons if self._strip.lists else ()

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            **super().handlers(),
            "about.right": lambda: self.turn(1),
            "about.left": lambda: self.turn(-1),
            "about.go": self.go,
            "about.list": self.use_list,
        }

    def move(self, by: int) -> None:
        there = self.place + by
        if 0 <= there < len(self._chosen):
            self.place = there
        else:
            self.scroll(by)

    def turn(self, by: int) -> None:
        """Move to another list."""
        lists, before = self._strip.lists, self.column
        self.column = min(max(before + by, 0), max(0, len(lists) - 1))
        if not lists:
            self.session.say(_NONE)
        elif self.column == before:
            self.session.tell(f"the {'last' if by > 0 else 'first'} list: {lists[before].title}")

    def on_styled_lines_clicked(self, message: StyledLines.Clicked) -> None:
        place = message.line - self._count_above
        if not self._strip.lists:
            return
        column = self._strip.column_at(message.cell)
        if 0 <= place < len(self._strip.lists[column].neurons):
            self.column, self.place = column, place
            self.redraw()

    def go(self) -> None:
        """Go to the neuron under the cursor; the card stays open."""
        found = self._chosen
        if not found:
            self.session.say(_NONE)
        elif (neuron := self._held(found[self.place])) is None:
            self.session.say(f"{found[self.place].neuron} is not in this index")
        else:
            self.session.explorer.go(Target(neuron=neuron))
            self.session.front.wish_changed()

    def use_list(self) -> None:
        """Make the cursor's list of neurons the current list, with the neuron itself first."""
        explorer = self.session.explorer
        here = explorer.shown.neuron
        held = [neuron for other in self._chosen if (neuron := self._held(other)) is not None]
        if explorer.stale or not held:
            self.session.say(_NONE)
            return
        title = self._strip.lists[self.column].title
        explorer.use_list(CurrentList(title, tuple(dict.fromkeys((here, *held)))))
        self.session.say(f"the list is now: {title}; {{list.next}} and {{list.previous}} walk it")

    def _held(self, other: Neighbour | Wire) -> NeuronAddress | None:
        """The address of a neuron in a list, if the index holds it."""
        try:
            return checked(other.neuron, self.session.explorer.facts.sites)
        except GluscopeError:
            return None
