"""The state of a search: text, hits, cursor. No screen, no disk."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from indexer.database.reader import Index
from indexer.database.records import Hit
from indexer.quadrants import QUADRANTS

from ...views.text import shown
from ..session.current_list import CurrentList, Sight
from .view import TableView

BEST = 100
"""Hits read for each quadrant."""
_WORDS = {"peak": "peaks on", "context": "contexts with"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A text, and whether examples must peak on it or may have it anywhere in their context."""

    text: str = ""
    where: str = "peak"  # or "context"
    signs: str = "aligned"

    @property
    def words(self) -> str:
        return _WORDS[self.where]

    def switched(self) -> Asked:
        """The same text in the other place."""
        return replace(self, where="context" if self.where == "peak" else "peak")

    def command(self, path: str) -> str:
        """The shell command that prints the same."""
        words = ["gluscope", "search", self.text] + (["--in", self.where] if self.where != "peak" else [])
        words += ["--signs", self.signs] if self.signs != "aligned" else []
        return shlex.join([*words, "--db", path])


def find_hits(index: Index, asked: Asked) -> tuple[Hit, ...]:
    """The best hits of each quadrant, strongest first. Runs in the reader."""
    hits = index.search(asked.text, asked.where, limit=BEST, signs=asked.signs, shown=shown)
    return tuple(sorted(hits, key=lambda hit: (-hit.strength, QUADRANTS.index(hit.quadrant))))


class SearchTable:
    """Lives as long as the session, so that opening the search again shows the same hits."""

    def __init__(self) -> None:
        self.wanted = self.shown = Asked()
        self.hits: tuple[Hit, ...] = ()
        self.view = TableView()

    @property
    def stale(self) -> bool:
        return self.wanted != self.shown

    def take(self, asked: Asked, hits: tuple[Hit, ...]) -> None:
        """Store the hits of a search."""
        self.shown, self.hits, self.view = asked, hits, TableView()

    def as_list(self) -> CurrentList:
        """The hits as a current list, one row for each context, at the hit under the cursor."""
        neurons = tuple(hit.neuron for hit in self.hits)
        sights = tuple(Sight(hit.quadrant, hit.ranking, hit.example.rank, self.shown.signs) for hit in self.hits)
        return CurrentList(
            f"{self.shown.words} {self.shown.text.strip()}", neurons, self.view.place, "strength", sights
        )


def cut_short(hits: tuple[Hit, ...]) -> bool:
    """Whether a quadrant may have more hits than were read."""
    counts = dict.fromkeys(QUADRANTS, 0)
    for hit in hits:
        counts[hit.quadrant] += 1
    return any(count >= BEST for count in counts.values())
