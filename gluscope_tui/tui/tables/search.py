"""The state of a search: text, hits, order, cursor. No screen, no disk."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import Hit, TokenHit
from indexer.quadrants import QUADRANTS

from ...kept.marks import Key
from ...views import search_notes
from ...views.text import shown
from ..session.current_list import CurrentList, Sight
from ..session.facts import Facts
from ..session.numbering import Numbering
from .query import in_order
from .view import TableView

BEST = 100
"""Hits read for each quadrant, and four times as many of a search by weights."""
PLACES = {
    "peak": ("peaks on", "peaks"),
    "context": ("contexts with", "contexts"),
    "writes": ("writes", "what is written"),
    "reads": ("reads", "what is read"),
}
"""The places that Tab changes between: the words before the text, and the name of the place."""

AnyHit = Hit | TokenHit
COLUMNS = ("neuron", "quadrant", "rank", "value", "strength")
TOKEN_COLUMNS = ("neuron", "where", "quadrants", "token", "place", "score", "strength", "frequency")
SIGNED = ("value", "score")
"""The columns whose values have signs: they are sorted by magnitude, or with the sign."""
_ASCENDING = ("neuron", "quadrant", "rank", "where", "quadrants", "token", "place")  # at first


@dataclass(frozen=True, slots=True)
class Asked:
    """A text, and where it is looked for: a key of PLACES."""

    text: str = ""
    where: str = "peak"
    signs: str = "aligned"

    @property
    def words(self) -> str:
        return PLACES[self.where][0]

    @property
    def by_weights(self) -> bool:
        return self.where in ("writes", "reads")

    @property
    def texts(self) -> list[str]:
        """The texts to look for, any of them: words, where single tokens are looked for in the weights."""
        return self.text.split() if self.by_weights else [self.text]

    @property
    def next_place(self) -> str:
        """The name of the place that Tab changes to."""
        return PLACES[self.switched().where][1]

    def switched(self) -> Asked:
        """The same text in the next place."""
        places = list(PLACES)
        return replace(self, where=places[(places.index(self.where) + 1) % len(places)])

    def command(self, path: str) -> str:
        """The shell command that prints the same."""
        most = len(QUADRANTS) * BEST if self.by_weights else BEST
        words = ["gluscope", "search", "-n", str(most), *(["--in", self.where] if self.where != "peak" else [])]
        words += ["--signs", self.signs] if self.signs != "aligned" else []
        return shlex.join([*words, "--db", path, "--", *self.texts])


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a search, the strongest first, and notes on its texts.

    `flipped`: under raw signs, the neurons whose quadrants are others under aligned signs.
    """

    hits: tuple[AnyHit, ...] = ()
    flipped: frozenset[NeuronAddress] = frozenset()
    notes: tuple[str, ...] = ()


def find_hits(index: Index, asked: Asked) -> Found:
    """The best hits of each quadrant, or by weights of all, strongest first. Runs in the reader."""
    notes = tuple(search_notes.notes(index, asked.texts, asked.where))
    if asked.by_weights:
        most = len(QUADRANTS) * BEST
        found = index.search_weights(asked.texts, asked.where, limit=most, signs=asked.signs, shown=shown)
        return Found(tuple(found), notes=notes)
    examples = index.search(asked.text, asked.where, limit=BEST, signs=asked.signs, shown=shown)
    hits = tuple(sorted(examples, key=lambda hit: (-hit.strength, QUADRANTS.index(hit.quadrant))))
    if asked.signs == "aligned":
        return Found(hits, notes=notes)
    numbering = Numbering(index.sites)
    neurons = list(dict.fromkeys(hit.neuron for hit in hits))
    flips = index.table.rows_of([numbering.number(neuron) for neuron in neurons], ("flipped",), signs="raw")
    return Found(hits, frozenset(neuron for neuron, (flip,) in zip(neurons, flips, strict=True) if flip), notes)


class SearchTable:
    """Lives as long as the session, so that opening the search again shows the same hits."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._number = Numbering(facts.sites).number
        self.wanted = self.shown = Asked()
        self.found = Found()
        self.hits: tuple[AnyHit, ...] = ()  # in the order shown
        self.sort, self.descending = "strength", True
        self.magnitude = True  # whether values are sorted without their signs
        self.view = TableView()

    @property
    def stale(self) -> bool:
        return self.wanted != self.shown

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the cursor moves through."""
        return TOKEN_COLUMNS if self.shown.by_weights else COLUMNS

    @property
    def column(self) -> str:
        """The column under the cursor."""
        return self.columns[min(self.view.column, len(self.columns) - 1)]

    def take(self, asked: Asked, found: Found) -> None:
        """Store the hits of a search, the strongest first."""
        self.shown, self.found, self.hits = asked, found, found.hits
        self.sort, self.descending = "strength", True
        self.view = TableView(column=self.columns.index("strength"))

    def sort_by(self, column: str) -> None:
        """Sort by a column: names and places from the start, numbers the largest first. Again: the order reversed."""
        again = column == self.sort
        self._order(column, not self.descending if again else column not in _ASCENDING)

    def reverse(self) -> None:
        """The opposite order."""
        self._order(self.sort, not self.descending)

    def turn_magnitude(self) -> str:
        """Sort by the magnitude of the sorted column (else of that under the cursor), or by its sign. Says why not."""
        column = next((name for name in (self.sort, self.column) if name in SIGNED), "")
        if not column:
            signed = next(name for name in SIGNED if name in self.columns)
            return f"only {signed} has signs: {{table.sort}} sorts by the column under the cursor"
        self.magnitude = column != self.sort or not self.magnitude
        self._order(column, descending=True)
        return ""

    def _order(self, column: str, descending: bool) -> None:
        self.sort, self.descending = column, descending
        key = self._keys[column]
        self.hits = tuple(sorted(self.found.hits, key=key, reverse=descending))
        self.view = replace(self.view, place=0, top=0)

    @property
    def _keys(self) -> Mapping[str, Callable[[Any], Any]]:
        """What a column sorts by."""
        return {
            "neuron": lambda hit: self._number(hit.neuron),
            "quadrant": lambda hit: QUADRANTS.index(hit.quadrant),
            "rank": lambda hit: (hit.ranking, hit.example.rank),
            "value": lambda hit: self._sized(hit.value),
            "strength": lambda hit: hit.strength,
            "where": lambda hit: hit.where,
            "quadrants": lambda hit: [QUADRANTS.index(quadrant) for quadrant in hit.quadrants],
            "token": lambda hit: hit.token.text.strip(" ").casefold(),
            "place": lambda hit: hit.token.place,
            "score": lambda hit: self._sized(hit.token.score),
            "frequency": lambda hit: sum(share or 0.0 for share in hit.frequency.values()),
        }

    def _sized(self, value: float) -> float:
        return abs(value) if self.magnitude else value

    @property
    def by_magnitude(self) -> bool:
        """Whether the hits are sorted by values without their signs."""
        return self.sort in SIGNED and self.magnitude

    @property
    def order(self) -> str:
        """The order of the hits, in words."""
        usual = (self.sort, self.descending) == ("strength", True)
        return "strength" if usual else in_order(f"|{self.sort}|" if self.by_magnitude else self.sort, self.descending)

    def key(self, place: int) -> Key | None:
        """The neuron of a hit, and its quadrant under aligned signs, if it is in one."""
        if not 0 <= place < len(self.hits):
            return None
        hit = self.hits[place]
        if not isinstance(hit, Hit):
            return hit.neuron, None
        return hit.neuron, hit.quadrant.flipped if hit.neuron in self.found.flipped else hit.quadrant

    def keyed(self) -> list[tuple[Key, Key | None]]:
        """What each hit shows, and what it is about under aligned signs."""
        shown_ = ((hit.neuron, hit.quadrant if isinstance(hit, Hit) else None) for hit in self.hits)
        return [(key, self.key(place)) for place, key in enumerate(shown_)]

    def as_list(self, chosen: Collection[Key] = ()) -> CurrentList:
        """The hits (or the chosen ones) as a current list, one row for each, at the hit under the cursor."""
        places = [place for place in range(len(self.hits)) if not chosen or self.key(place) in chosen]
        hits = [self.hits[place] for place in places]
        sights: Sequence[Sight | None] = tuple(map(self._sight, hits))
        here = places.index(self.view.place) if self.view.place in places else 0
        title = f"{self.shown.words} {self.shown.text.strip()}"
        neurons = tuple(hit.neuron for hit in hits)
        return CurrentList(title, neurons, here, self.order, sights if any(sights) else ())

    def _sight(self, hit: AnyHit) -> Sight | None:
        """The context that a hit stands for; by weights the first one of the quadrant that it is about, if one is."""
        if isinstance(hit, Hit):
            return Sight(hit.quadrant, hit.ranking, hit.example.rank, self.shown.signs)
        visited = [quadrant for quadrant in hit.quadrants if hit.frequency[quadrant]]
        if not visited or "post" not in self.facts.rankings:
            return None
        return Sight(max(visited, key=lambda quadrant: hit.frequency[quadrant] or 0.0), "post", 0, self.shown.signs)


def cut_short(asked: Asked, hits: Sequence[AnyHit]) -> str:
    """What to say if more hits may exist than were read; else ""."""
    if asked.by_weights:
        most = len(QUADRANTS) * BEST
        return f"the best {most}" if len(hits) >= most else ""
    counts = dict.fromkeys(QUADRANTS, 0)
    for hit in hits:
        if isinstance(hit, Hit):
            counts[hit.quadrant] += 1
    return f"the best {BEST} a quadrant" if any(count >= BEST for count in counts.values()) else ""
