"""The state of the table of marks: rows, filter, order, cursor. No screen, no disk."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from indexer.addresses import NeuronAddress

from ...kept.marks import FIELDS, Key, Mark, has_words
from ..session.current_list import CurrentList, Sight
from .view import TableView

_LEAST = {"neuron": 6, "quadrant": 8, "tags": 4, "date": 16}
_MOST = {"tags": 24}


class MarksTable:
    """Lives as long as the session. The marks are read again whenever the table opens or changes them."""

    def __init__(self) -> None:
        self._marks: tuple[Mark, ...] = ()
        self._kept: tuple[object, list[Mark]] | None = None  # the rows, and what they follow from
        self.where = ""
        self.sorted_by: int | None = None  # a column; None: the order of the file
        self.descending = False
        self.view = TableView()
        self.deleted: tuple[Mark, ...] = ()
        """What was deleted last, until it is brought back."""

    def put(self, marks: Iterable[Mark]) -> None:
        """Store the marks that were read."""
        self._marks, self._kept = tuple(marks), None
        self.view = self.view.to(self.view.place, len(self.rows))

    def open(self, neuron: NeuronAddress) -> None:
        """Put the cursor on a mark of this neuron, if a row has one."""
        place = next((place for place, mark in enumerate(self.rows) if mark.neuron == neuron), None)
        if place is not None and (self.key(self.view.place) or (None,))[0] != neuron:
            self.view = replace(self.view, place=place)

    @property
    def rows(self) -> list[Mark]:
        """The marks that the filter leaves, in order; empty cells come last."""
        asked = (self.where, self.sorted_by, self.descending)
        if self._kept is None or self._kept[0] != asked:
            self._kept = (asked, self._ordered())
        return self._kept[1]

    def _ordered(self) -> list[Mark]:
        rows = [mark for mark in self._marks if has_words(mark, self.where)]
        if self.sorted_by is None:
            return rows
        column = self.sorted_by
        there = [mark for mark in rows if mark.fields[column]]
        there.sort(
            key=lambda mark: mark.neuron if column == 0 else mark.fields[column].lower(), reverse=self.descending
        )
        return there + [mark for mark in rows if not mark.fields[column]]

    @property
    def order(self) -> str:
        """The order of the rows, in words."""
        return "" if self.sorted_by is None else f"{FIELDS[self.sorted_by]} {'down' if self.descending else 'up'}"

    def sort(self) -> None:
        """Sort by the column under the cursor: from a to z, dates from the last. Again: the other way round."""
        column = min(self.view.column, len(FIELDS) - 1)
        again = self.sorted_by == column
        self.sorted_by, self.descending = column, not self.descending if again else FIELDS[column] == "date"
        self.view = replace(self.view, place=0, top=0)

    def reverse(self) -> None:
        """Reverse the order."""
        self.sorted_by, self.descending = self.sorted_by or 0, not self.descending

    def filter(self, where: str) -> None:
        """Show only the marks that have these words."""
        self.where, self.view = where.strip(), replace(self.view, place=0, top=0)

    def key(self, place: int) -> Key | None:
        """What the mark of a row is about."""
        rows = self.rows
        return rows[place].key if 0 <= place < len(rows) else None

    def widths(self) -> list[int]:
        """The cells of each column; 0 for the note, which takes the rest."""
        found = []
        for place, name in enumerate(FIELDS):
            longest = max((len(mark.fields[place]) for mark in self._marks), default=0)
            found.append(0 if name == "note" else min(max(_LEAST[name], longest), _MOST.get(name, 30)))
        return found

    def as_list(self, held: Sequence[NeuronAddress], ranking: str, chosen: Iterable[Key]) -> CurrentList | None:
        """The rows (or the chosen ones) as a current list at the row under the cursor; None if there are none.

        A mark of a quadrant opens its pane. `held`: the neurons of the rows that the index has.
        """
        keys, there = set(chosen), set(held)
        here = self.key(self.view.place)
        rows = [mark for mark in self.rows if mark.neuron in there and (not keys or mark.key in keys)]
        if not rows:
            return None
        sights = tuple(None if mark.quadrant is None else Sight(mark.quadrant, ranking) for mark in rows)
        place = next((place for place, mark in enumerate(rows) if mark.key == here), 0)
        title = f"marks {self.where}".strip()
        neurons = tuple(mark.neuron for mark in rows)
        return CurrentList(title, neurons, place, self.order, sights if any(sights) else ())

    def command(self, path: str) -> str:
        """The shell command that prints the same rows."""
        words = ["gluscope", "marks"] + (["--find", self.where] if self.where else [])
        return shlex.join([*words, "--db", path])
