"""The card of home's neuron: facts from its weights, with a cursor on its nearest neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.database.records import Neighbour
from indexer.errors import GluscopeError

from ...colour.style import StyledLine
from ...views.card import COLUMNS, CardLook, card, column_at, list_rows, missing, nearest
from ..session.current_list import CurrentList
from ..session.goto import Target, checked
from ..widgets.styled_lines import StyledLines
from .about import AboutScreen


class CardScreen(AboutScreen, scope="card"):
    """Class, cosines, tokens and nearest neurons. Enter goes to the neuron under the cursor."""

    column = place = 0
    _of: NeuronAddress | None = None
    _count_above = 0  # lines before the first nearest neuron

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        palette, explorer = self.palette, self.session.explorer
        writes, reads = list_rows(height)
        look = CardLook(
            writes,
            reads,
            text=palette.text,
            faint=palette.faint,
            strong=palette.strong,
            cursor=palette.glyphs.cursor,
            ascii_only=palette.ascii_only,
        )
        weights = explorer.record.weights
        if weights is None:
            return missing(explorer.facts.no_weights, str(explorer.facts.path), width, look)
        if self._of != explorer.shown.neuron:
            self._of, self.place = explorer.shown.neuron, 0
        self.place = min(self.place, max(0, len(self._nearest()) - 1))
        lines = card(weights, width, look, (self.column, self.place))
        self._count_above = len(lines) - max(len(self._nearest(column)) for column in range(len(COLUMNS)))
        return lines

    def in_sight(self) -> int:
        return self._count_above + self.place if self._nearest() and self.place else self.top

    def _nearest(self, column: int | None = None) -> tuple[Neighbour, ...]:
        weights = self.session.explorer.record.weights
        return () if weights is None else nearest(weights, self.column if column is None else column)

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
        if 0 <= there < len(self._nearest()):
            self.place = there
        else:
            self.scroll(by)

    def turn(self, by: int) -> None:
        """Move to the other column of nearest neurons."""
        before = self.column
        self.column = min(max(self.column + by, 0), len(COLUMNS) - 1)
        if self.column == before:
            self.session.tell(f"these are the nearest by {COLUMNS[self.column]}")

    def on_styled_lines_clicked(self, message: StyledLines.Clicked) -> None:
        place = message.line - self._count_above
        if 0 <= place < len(self._nearest(column_at(message.cell))):
            self.column, self.place = column_at(message.cell), place
            self.redraw()

    def go(self) -> None:
        """Go to the nearest neuron under the cursor; the card stays open."""
        found = self._nearest()
        if not found:
            self.session.say("no nearest neuron is known")
        elif (neuron := self._held(found[self.place])) is None:
            self.session.say(f"{found[self.place].neuron} is not in this index")
        else:
            self.session.explorer.go(Target(neuron=neuron))
            self.session.front.wish_changed()

    def use_list(self) -> None:
        """Make the cursor's column of nearest neurons the current list, with the neuron itself first."""
        explorer = self.session.explorer
        here = explorer.shown.neuron
        held = [neuron for neighbour in self._nearest() if (neuron := self._held(neighbour)) is not None]
        if explorer.stale or not held:
            self.session.say("no nearest neuron is known")
            return
        title = f"nearest {here} by {COLUMNS[self.column]}"
        explorer.use_list(CurrentList(title, tuple(dict.fromkeys((here, *held)))))
        self.session.say(f"the list is now: {title}; {{list.next}} and {{list.previous}} walk it")

    def _held(self, neighbour: Neighbour) -> NeuronAddress | None:
        """The address of the nearest neuron, if the index holds it."""
        try:
            return checked(neighbour.neuron, self.session.explorer.facts.sites)
        except GluscopeError:
            return None
