"""Finds neurons by their weights: those whose lists of tokens written, or read, hold a token."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import compress, islice
from struct import unpack

from ...addresses import NeuronAddress
from ...errors import GluscopeError
from ...quadrants import QUADRANTS, Quadrant
from ..format.kinds import BLOB, COUNT, FLAG
from ..format.token_lists import KINDS, PLACES, STRONGEST_HALF, WRITTEN, flipped
from ..read.connection import Connection, Row
from ..read.inflate import DamagedValue
from ..read.lacking import not_built, not_computed
from ..read.texts import Texts
from ..read.weight_lists import unpack_lists
from ..records import ListedToken, SiteRecord, TokenHit
from .sought import Sought
from .table import Table
from .token_postings import TokenPostings
from .vocabulary import Shown, Vocabulary

_TOGETHER = 128  # hits made at a time
_NUMBERS = tuple(f"{name}_{q.letters}" for name in ("count", "extreme_post", "frequency") for q in QUADRANTS)

Entry = tuple[int, int, int, tuple[tuple[int, int], ...]]
"""0x7C00 - the bits of the strength, row number of the neuron, list (raw signs), and for each token found its number
and its weakness."""


class TokenSearch:
    """The searches of an index by its weights. GluscopeError if it was made without the tables that they read."""

    def __init__(
        self,
        connection: Connection,
        texts: Texts,
        sites: tuple[SiteRecord, ...],
        table: Table,
        vocabulary: Vocabulary,
    ) -> None:
        self._connection = connection
        self._texts = texts
        self._sites = sites
        self._firsts = [site.first_neuron for site in sites]
        self._table = table
        self._vocabulary = vocabulary
        self._postings = TokenPostings(connection)

    def find(
        self,
        texts: Sequence[str],
        where: str,
        *,
        every: bool,
        exact: bool,
        quadrants: Sequence[Quadrant],
        limit: int | None,
        signs: str,
        shown: Shown | None,
    ) -> Iterator[TokenHit]:
        """As `hits`, for texts as a person gives them. GluscopeError for other lists, and for no text."""
        if where not in KINDS:
            raise GluscopeError(f"tokens can't be searched for in {where!a}", f"use {' or '.join(KINDS)}")
        if not texts or not all(texts):
            raise GluscopeError("there is nothing to search for", "give a text: gluscope search France --in writes")
        wanted = [Sought.read(one, exact=exact) for one in texts]
        return self.hits(wanted, where, every=every, quadrants=quadrants, limit=limit, signs=signs, shown=shown)

    def hits(
        self,
        wanted: Sequence[Sought],
        where: str,
        *,
        every: bool,
        quadrants: Iterable[Quadrant],
        limit: int | None,
        signs: str,
        shown: Shown | None = None,
    ) -> Iterator[TokenHit]:
        """The hits for any of the texts, or in lists that hold `every` one; the strongest first, at most `limit`.

        `where`: "writes" or "reads". A hit counts if its list has to do with one of the `quadrants`.
        """
        kind = KINDS[where]
        self._demand_tables(kind)
        asked = set(quadrants)
        tokens = [self._vocabulary.tokens(one, shown) for one in wanted]
        entries = self._in_every(tokens, kind) if every and len(wanted) > 1 else self._in_any(tokens, kind)
        found: Iterator[TokenHit] = (hit for hit in self._hits(entries, signs) if asked & set(hit.quadrants))
        return islice(found, limit)

    def neurons(self, sought: Sought, places: Iterable[str]) -> array[int]:
        """The row numbers of the neurons that have a token in one of some lists, by their raw names, ascending."""
        wanted = {PLACES.index(place) for place in places}
        kinds = {WRITTEN if "out" in PLACES[place] else 1 - WRITTEN for place in wanted}
        found: set[int] = set()
        for kind in kinds:
            self._demand_tables(kind)
            for token in self._vocabulary.tokens(sought):
                for _, lists, neurons in self._postings.columns(token, kind):
                    found.update(compress(neurons, map(wanted.__contains__, lists)))
        return array("q", sorted(found))

    def _demand_tables(self, kind: int) -> None:
        there = self._connection.tables
        has_weights = self._table.has_weights
        what = "tokens that neurons write" if kind == WRITTEN else "tokens that neurons read"
        if not has_weights:
            raise not_computed(self._connection, what, has_weights=False)
        if "token_neurons" in there and self._connection.rows(
            "SELECT 1 FROM token_neurons WHERE (id >> 16) % 2 = ? LIMIT 1", (FLAG,), (kind,)
        ):
            return
        if kind == WRITTEN and "vocab_std" not in self._table.columns:
            raise not_computed(self._connection, f"strengths of {what}", has_weights=True)
        if "token_neurons" not in there or not self._connection.rows("SELECT 1 FROM token_neurons LIMIT 1", (FLAG,)):
            raise not_built(self._connection, f"{self._connection.name} lacks the table of {what}")
        raise GluscopeError(f"this index has no {what}", "gluscope info says why, under weights")

    def _in_any(self, tokens: Sequence[Sequence[int]], kind: int) -> Iterator[Entry]:
        """The first entry of each neuron and list, the strongest first."""
        distinct = dict.fromkeys(token for group in tokens for token in group)
        if len(distinct) == 1:  # no list holds a token twice
            yield from self._of_token(next(iter(distinct)), kind)
            return
        seen = set()
        for entry in merge(*(self._of_token(token, kind) for token in distinct)):
            if entry[1:3] not in seen:
                seen.add(entry[1:3])
                yield entry

    def _in_every(self, tokens: Sequence[Sequence[int]], kind: int) -> Iterator[Entry]:
        """The neurons and lists that hold a token of each group, as strong as the weakest of these."""
        of_group: dict[int, dict[tuple[int, int], Entry]] = {}
        both: Collection[tuple[int, int]] | None = None
        for place in sorted(
            range(len(tokens)), key=lambda place: self._postings.size(tokens[place], kind)
        ):  # rare ones first
            own = {
                entry[1:3]: entry for entry in self._in_any([tokens[place]], kind) if both is None or entry[1:3] in both
            }
            of_group[place] = both = own
        found = []
        for key in both or ():
            own_entries = [of_group[place][key] for place in range(len(tokens))]
            together = tuple(pair for entry in own_entries for pair in entry[3])
            found.append((max(entry[0] for entry in own_entries), *key, together))
        return iter(sorted(found))

    def _of_token(self, token: int, kind: int) -> Iterator[Entry]:
        """The postings of a token, the strongest first, each block read on request."""
        for weaknesses, lists, neurons in self._postings.columns(token, kind):
            for weakness, list_, neuron in zip(weaknesses, lists, neurons, strict=True):
                yield weakness, neuron, list_, ((token, weakness),)

    def _hits(self, entries: Iterator[Entry], signs: str) -> Iterator[TokenHit]:
        size = 8  # few are wanted as a rule
        while group := list(islice(entries, size)):
            numbers = sorted({neuron for _, neuron, _, _ in group})
            if numbers[-1] >= (self._sites[-1].first_neuron + self._sites[-1].width if self._sites else 0):
                raise self._connection.damaged("postings of tokens: a neuron is in no site")
            rows = dict(zip(numbers, self._table.rows_of(numbers, ("flipped", *_NUMBERS), signs=signs), strict=True))
            blobs = self._lists_of(numbers)
            self._texts.load({token for entry in group for token, _ in entry[3]})
            for entry in group:
                yield self._hit(entry, rows[entry[1]], blobs[entry[1]], aligned=signs == "aligned")
            size = _TOGETHER

    def _lists_of(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        marks = ",".join("?" * len(numbers))
        sql = f"SELECT neuron, lists FROM weight_lists WHERE neuron IN ({marks})"
        found: dict[int, bytes] = dict(self._connection.rows(sql, (COUNT, BLOB), numbers))
        if missing := [number for number in numbers if number not in found]:
            raise self._connection.damaged(f"weight_lists has no row {missing[0]}")
        return found

    def _hit(self, entry: Entry, row: Row, blob: bytes, *, aligned: bool) -> TokenHit:
        _, neuron, list_, tokens = entry
        flip = aligned and row[0] == 1 and flipped(list_) != list_
        site = self._sites[bisect_right(self._firsts, neuron) - 1]
        address = NeuronAddress(site.address, neuron - site.first_neuron)
        try:
            own = unpack_lists(blob).tokens[list_]
            found = tuple(self._listed(token, weakness, own, flip=flip) for token, weakness in tokens)
        except DamagedValue as error:
            raise self._connection.damaged(f"{address}: {error}") from error
        where = PLACES[flipped(list_) if flip else list_]
        counts, extremes, frequencies = (row[1 + place : 5 + place] for place in (0, 4, 8))
        own_quadrants = tuple(
            quadrant
            for quadrant, number, extreme in zip(QUADRANTS, counts, extremes, strict=True)
            if _concerns(where, quadrant, extreme if number else None)
        )
        frequency = dict(zip(QUADRANTS, frequencies, strict=True))
        return TokenHit(address, where, own_quadrants, {q: frequency[q] for q in own_quadrants}, found)

    def _listed(self, token: int, weakness: int, own: Sequence[tuple[int, float]], *, flip: bool) -> ListedToken:
        for place, (other, score) in enumerate(own):
            if other == token:
                strength: float = unpack("<e", (STRONGEST_HALF - weakness).to_bytes(2, "little"))[0]
                return ListedToken(token, self._texts.alone(token), place, 0.0 - score if flip else score, strength)
        raise DamagedValue("a token that is searched for isn't in its list")


def _concerns(where: str, quadrant: Quadrant, extreme_post: float | None) -> bool:
    """Whether a neuron writes or reads the tokens of a list in a quadrant. `extreme_post`: the largest post there, None
    in a quadrant without tokens, where post would have the sign of gate times in."""
    sign = 1 if where.startswith("+") or where.endswith("+") else -1
    if where.startswith("gate"):
        return quadrant.gate_sign == sign
    if where.startswith("in"):
        return quadrant.in_sign == sign
    post = quadrant.gate_sign * quadrant.in_sign if extreme_post is None else extreme_post
    return post * sign > 0
