"""The table of all neurons: what was asked for, which rows that gives, where one is in it. No screen, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indexer.addresses import NeuronAddress
from indexer.database.format.columns import COLUMNS

from ..session.current_list import CurrentList, NumberedNeurons
from ..session.facts import Facts
from ..session.numbering import Numbering
from .cells import first_columns
from .pages import PAGE, Pages
from .query import Query
from .view import TableView

_ABOVE = 8
"""Rows above the neuron that the table opens at."""


class NeuronsTable:
    """Kept while the session lasts, so that opening it again shows what it showed."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.numbering = Numbering(facts.sites)
        self.columns = first_columns(facts.weights)
        self.wanted = self.shown = Query()
        self.numbers: Sequence[int] = self.numbering.all()
        self.whole = True
        self.view = TableView()
        self.pages = Pages()

    @property
    def stale(self) -> bool:
        """Whether the rows answer another query than the one that was asked last, or not all of them are there."""
        return self.wanted != self.shown or not self.whole

    def open(self, neuron: NeuronAddress, signs: str) -> None:
        """Look at it under these signs, from this neuron on if it is there."""
        if signs != self.wanted.signs:
            self.ask(replace(self.wanted, signs=signs))
        try:
            place = self.numbers.index(self.numbering.number(neuron))
        except ValueError:
            return
        if self.view.place != place:
            self.view = replace(self.view, place=place, top=max(0, place - _ABOVE))

    def ask(self, query: Query) -> None:
        """Want another query; one that needs no reading is answered at once."""
        self.wanted = query
        if not query.needs_reading():
            self.take(query, self.numbering.all())

    def take(self, query: Query, numbers: Sequence[int], *, whole: bool = True) -> None:
        """The rows that a query gave, or its first. Sorted or filtered anew one is at the start, else where one was."""
        moved = replace(query, signs="") != replace(self.shown, signs="")
        rest = query == self.shown and not self.whole
        self.shown, self.numbers, self.whole = query, numbers, whole
        if rest:
            return
        self.pages.clear()
        self.view = replace(self.view, place=0, top=0) if moved else self.view.to(self.view.place, len(numbers))

    def give_up(self) -> None:
        """What was asked for can't be had: what is shown stays."""
        self.wanted = self.shown

    def sort(self, column: str) -> None:
        """Sort by a column, the largest first; by the same again: reversed."""
        again = column == self.wanted.sort
        first = COLUMNS[column].kind != "text"
        self.ask(replace(self.wanted, sort=column, descending=not self.wanted.descending if again else first))

    def choose(self, columns: Sequence[str]) -> None:
        """Show these columns, the neuron first."""
        under = self.column
        self.columns = ("neuron", *(name for name in columns if name != "neuron"))
        self.pages.clear()
        self.view = replace(self.view, column=self.columns.index(under) if under in self.columns else 0)

    @property
    def column(self) -> str:
        """The column under the cursor."""
        return self.columns[min(self.view.column, len(self.columns) - 1)]

    def page_of(self, page: int) -> Sequence[int]:
        """The row numbers of a page."""
        return self.numbers[page * PAGE : (page + 1) * PAGE]

    def as_list(self) -> CurrentList:
        """All its rows as the current list, at the row under the cursor."""
        query = self.shown
        return CurrentList(
            query.where or "all neurons", NumberedNeurons(self.numbers, self.numbering), self.view.place, query.order
        )
