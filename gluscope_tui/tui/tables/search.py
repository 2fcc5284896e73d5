"""The state of a search: text, hits, cursor. No screen, no disk."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import Hit
from indexer.quadrants import QUADRANTS

from ...kept.marks import Key
from ...views.text import shown
from ..session.current_list import CurrentList, Sight
from ..session.numbering import Numbering
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
        words = ["gluscope", "search", "-n", str(BEST), *(["--in", self.where] if self.where != "peak" else [])]
        words += ["--signs", self.signs] if self.signs != "aligned" else []
        return shlex.join([*words, "--db", path, "--", self.text])


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a search. `flipped`: under raw signs, the neurons whose quadrants are others under aligned signs."""

    hits: tuple[Hit, ...] = ()
    flipped: frozenset[NeuronAddress] = frozenset()


def find_hits(index: Index, asked: Asked) -> Found:
    """The best hits of each quadrant, strongest first. Runs in the reader."""
    found = index.search(asked.text, asked.where, limit=BEST, signs=asked.signs, shown=shown)
    hits = tuple(sorted(found, key=lambda hit: (-hit.strength, QUADRANTS.index(hit.quadrant))))
    if asked.signs == "aligned":
        return Found(hits)
    numbering = Numbering(index.sites)
    neurons = list(dict.fromkeys(hit.neuron for hit in hits))
    flips = index.table.rows_of([numbering.number(neuron) for neuron in neurons], ("flipped",), signs="raw")
    return Found(hits, frozenset(neuron for neuron, (flip,) in zip(neurons, flips, strict=True) if flip))


class SearchTable:
    """Lives as long as the session, so that opening the search again shows the same hits."""

    def __init__(self) -> None:
        self.wanted = self.shown = Asked()
        self.found = Found()
        self.view = TableView()

    @property
    def stale(self) -> bool:
        return self.wanted != self.shown

    @property
    def hits(self) -> tuple[Hit, ...]:
        return self.found.hits

    def take(self, asked: Asked, found: Found) -> None:
        """Store the hits of a search."""
        self.shown, self.found, self.view = asked, found, TableView()

    def key(self, place: int) -> Key | None:
        """The neuron of a hit, and its quadrant under aligned signs."""
        if not 0 <= place < len(self.hits):
            return None
        hit = self.hits[place]
        return hit.neuron, hit.quadrant.flipped if hit.neuron in self.found.flipped else hit.quadrant

    def keyed(self) -> list[tuple[Hit, Key | None]]:
        """The hits, each with what it is about."""
        return [(hit, self.key(place)) for place, hit in enumerate(self.hits)]

    def as_list(self, chosen: Collection[Key] = ()) -> CurrentList:
        """The hits (or the chosen ones) as a current list, a row a context, at the hit under the cursor."""
        places = [place for place in range(len(self.hits)) if not chosen or self.key(place) in chosen]
        hits = [self.hits[place] for place in places]
        sights = tuple(Sight(hit.quadrant, hit.ranking, hit.example.rank, self.shown.signs) for hit in hits)
        here = places.index(self.view.place) if self.view.place in places else 0
        title = f"{self.shown.words} {self.shown.text.strip()}"
        return CurrentList(title, tuple(hit.neuron for hit in hits), here, "strength", sights)


def cut_short(hits: tuple[Hit, ...]) -> bool:
    """Whether a quadrant may have more hits than were read."""
    counts = dict.fromkeys(QUADRANTS, 0)
    for hit in hits:
        counts[hit.quadrant] += 1
    return any(count >= BEST for count in counts.values())
