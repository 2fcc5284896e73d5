"""The state of the table of all neurons: query, rows, cursor. No screen, no disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from indexer.addresses import NeuronAddress
from indexer.database.format.columns import COLUMNS, columns_in

from ...kept.marks import Key
from ..session.current_list import CurrentList, NumberedNeurons
from ..session.facts import Facts
from ..session.numbering import Numbering
from .cells import first_columns
from .pages import PAGE, Pages
from .query import Query
from .view import TableView

_ABOVE = 8
"""Rows shown above the neuron at which the table opens."""


class NeuronsTable:
    """Lives as long as the session, so that opening the table again shows the same rows."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.numbering = Numbering(facts.sites)
        self.chosen = first_columns(facts.weights)
        self.wanted = self.shown = Query()
        self.numbers: Sequence[int] = self.numbering.all()
        self.whole = True
        self.view = TableView()
        self.pages = Pages()

    @property
    def stale(self) -> bool:
        """Whether the rows answer an older query, or are incomplete."""
        return self.wanted != self.shown or not self.whole

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns shown: the neuron, those that the condition names, then the other chosen ones."""
        named = [name for name in columns_in(self.shown.where) if name != "neuron"]
        return tuple(dict.fromkeys(("neuron", *named, *self.chosen)))

    def open(self, neuron: NeuronAddress, signs: str) -> None:
        """Open the table under these signs, at this neuron if the table holds it."""
        if signs != self.wanted.signs:
            self.ask(replace(self.wanted, signs=signs))
        try:
            place = self.numbers.index(self.numbering.number(neuron))
        except ValueError:
            return
        if self.view.place != place:
            self.view = replace(self.view, place=place, top=max(0, place - _ABOVE))

    def ask(self, query: Query) -> None:
        """Set another query; one that needs no reading is answered at once."""
        self.wanted = query
        if not query.needs_reading():
            self.take(query, self.numbering.all())

    def take(self, query: Query, numbers: Sequence[int], *, whole: bool = True) -> None:
        """Store the rows of a query, or the first of them.

        After a new sort or filter the cursor is at the top; otherwise it stays.
        """
        moved = replace(query, signs="") != replace(self.shown, signs="")
        rest = query == self.shown and not self.whole
        under = self.column
        self.shown, self.numbers, self.whole = query, numbers, whole
        self._keep_under(under)
        if rest:
            return
        self.pages.clear()
        self.view = replace(self.view, place=0, top=0) if moved else self.view.to(self.view.place, len(numbers))

    def give_up(self) -> None:
        """Drop the query that failed or was cancelled; the rows stay."""
        self.wanted = self.shown

    def sort(self, column: str) -> None:
        """Sort by a column: largest first, text from a to z. The same column again reverses the order."""
        again = column == self.wanted.sort
        first = COLUMNS[column].kind != "text"
        descending = not self.wanted.descending if again else first
        self.ask(replace(self.wanted, sort=column, descending=descending, magnitude=again and self.wanted.magnitude))

    def turn_magnitude(self) -> str:
        """Sort by the magnitude of the sorted column (else of that under the cursor), or by its sign again."""
        column = self.wanted.sort or self.column
        if COLUMNS[column].kind == "text":
            return f"{column} has no magnitude"
        turned = not (self.wanted.sort == column and self.wanted.magnitude)
        self.ask(replace(self.wanted, sort=column, magnitude=turned, descending=True))
        return ""

    def choose(self, columns: Sequence[str]) -> None:
        """Show these columns, the neuron first."""
        under = self.column
        self.chosen = ("neuron", *(name for name in columns if name != "neuron"))
        self.pages.clear()
        self._keep_under(under)

    def _keep_under(self, column: str) -> None:
        """Leave the cursor in a column, wherever that is now."""
        self.view = replace(self.view, column=self.columns.index(column) if column in self.columns else 0)

    @property
    def column(self) -> str:
        """The column under the cursor."""
        return self.columns[min(self.view.column, len(self.columns) - 1)]

    def page_of(self, page: int) -> Sequence[int]:
        """The row numbers of a page."""
        return self.numbers[page * PAGE : (page + 1) * PAGE]

    def key(self, place: int) -> Key | None:
        """The neuron of a row."""
        return (self.numbering.address(self.numbers[place]), None) if 0 <= place < len(self.numbers) else None

    def as_list(self, chosen: Collection[NeuronAddress] = ()) -> CurrentList:
        """All rows (or the chosen ones) as a current list, at the row under the cursor."""
        query = self.shown
        if chosen:
            kept = {self.numbering.number(neuron) for neuron in chosen}
            numbers = [number for number in self.numbers if number in kept]
            here = self.numbers[self.view.place]
            place = numbers.index(here) if here in kept else 0
            title = f"{len(numbers)} of {query.where or 'all neurons'}"
            return CurrentList(title, NumberedNeurons(numbers, self.numbering), place, query.order)
        return CurrentList(
            query.where or "all neurons", NumberedNeurons(self.numbers, self.numbering), self.view.place, query.order
        )
