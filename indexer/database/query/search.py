"""Finds neurons by words: those whose examples peak on a text, and those with a text in their contexts."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count, islice

from ...addresses import NeuronAddress
from ...errors import GluscopeError
from ...quadrants import QUADRANTS, Quadrant
from ...ranking import QUADRANT_BITS, list_of_code
from ..format.kinds import BLOB, COUNT
from ..format.schema import SEARCH_VERSION, STRONGEST
from ..read.connection import Connection
from ..read.examples import decode
from ..read.inflate import DamagedValue
from ..read.lacking import not_built
from ..read.nearby import Nearby
from ..read.signs import aligned_example
from ..read.texts import Texts
from ..read.unpacking import PackedExamples, unpack_examples
from ..records import Hit, SiteRecord
from .contexts import Contexts
from .peaks import Peaks
from .postings import Entry
from .sought import Sought
from .vocabulary import Shown

PLACES = ("peak", "context")
"""The places in which a text may be searched for."""

_TOGETHER = 500  # entries whose flips one query reads; older SQLites take at most 999 values
_AHEAD = 16  # hits whose examples are fetched together
_FEW = 20  # such queries before the flips of all neurons are read


class Search:
    """The searches of an index. GluscopeError if the index was made without the tables that they read."""

    def __init__(
        self,
        connection: Connection,
        nearby: Nearby,
        texts: Texts,
        sites: tuple[SiteRecord, ...],
        window: tuple[int, int],
        version: int,
    ) -> None:
        """`window`: tokens before and after a peak; `version`: of the tables, as `info.search` says."""
        self._nearby = nearby
        self._connection = connection
        self._texts = texts
        self._sites = sites
        self._firsts = [site.first_neuron for site in sites]
        self._version = version
        self._peaks = Peaks(connection, texts, version)
        self._contexts = Contexts(connection, texts, window, version)

    def hits(
        self,
        texts: Sequence[str],
        where: str,
        *,
        every: bool = False,
        exact: bool,
        quadrants: Iterable[Quadrant],
        limit: int | None,
        signs: str,
        shown: Shown | None = None,
    ) -> Iterator[Hit]:
        """Hits by quadrant, in the order of QUADRANTS, the strongest first, at most `limit` for each quadrant.

        A hit has any of the texts; or `every` one: a quadrant whose lists peak on each, a window that holds all. A text
        that no peak has is also looked for among the texts as they are `shown`.
        """
        self._demand_tables()
        if where not in PLACES:
            raise GluscopeError(f"a text can't be searched for in {where!a}", f"use {' or '.join(PLACES)}")
        if not texts or not all(texts):
            raise GluscopeError("there is nothing to search for", "give a text: gluscope search France")
        if where == "peak":
            keys = [self._peaks.keys(Sought.read(text, exact=exact), shown) for text in texts]
            entries, peaks_on = self._peaks.entries(keys, every=every), self._peaks.matcher(keys)
        else:
            entries, peaks_on = self._contexts.entries(texts, every=every, exact=exact), self._peaks.matcher(())
        best = self._best(entries, set(quadrants), limit, signs)
        found = [(entry, quadrant) for quadrant, own in best.items() for entry in own]
        for start in range(0, len(found), _AHEAD):
            group = found[start : start + _AHEAD]
            self._nearby.examples(entry[1] for entry, _ in group)
            for entry, quadrant in group:
                yield self._hit(entry, quadrant, peaks_on)

    def peaking(self, sought: Sought, shown: Shown | None = None) -> array[int]:
        """The row numbers of the neurons with examples that peak on a text, ascending."""
        self._demand_tables()
        keys = [self._peaks.keys(sought, shown)]
        return array("q", sorted({entry[1] for entry in self._peaks.entries(keys, every=False)}))

    def is_cut(self, *texts: str) -> bool:
        """Whether more than SEQUENCES sequences hold the words of a text: a search in contexts is then incomplete."""
        return self._contexts.is_cut(texts)

    def has_word(self, text: str) -> bool | None:
        """Whether a word of a sequence that the index keeps begins with a text. None: it can't be told at once."""
        return self._contexts.has_word(text)

    def is_outdated(self, *texts: str) -> bool:
        """Whether an older gluscope made the tables, with other peaks for a text like one of these."""
        return self._version < SEARCH_VERSION and not all(text.isascii() for text in texts)

    @cached_property
    def _flipped(self) -> frozenset[int]:
        return frozenset(row[0] for row in self._connection.rows("SELECT id FROM neurons WHERE flipped = 1", (COUNT,)))

    def _demand_tables(self) -> None:
        if not {"peaks", "contexts"} <= self._connection.tables:
            raise not_built(self._connection, f"{self._connection.name} lacks the search tables")

    def _best(
        self, entries: Iterable[Entry], quadrants: set[Quadrant], limit: int | None, signs: str
    ) -> dict[Quadrant, list[Entry]]:
        """The first entry of each neuron and quadrant, by quadrant under the signs asked for."""
        flips = self._with_flips(iter(entries)) if signs == "aligned" else ((entry, False) for entry in entries)
        found: dict[Quadrant, dict[int, Entry]] = {q: {} for q in QUADRANTS if q in quadrants}
        open_ = len(found)
        for entry, flipped in flips if limit != 0 else ():
            quadrant = QUADRANTS[entry[2] & QUADRANT_BITS]
            own = found.get(quadrant.flipped if flipped else quadrant)
            if own is None or entry[1] in own or (limit is not None and len(own) >= limit):
                continue
            own[entry[1]] = entry
            if limit is not None and len(own) == limit:
                open_ -= 1
                if not open_:
                    break
        return {quadrant: list(own.values()) for quadrant, own in found.items()}

    def _with_flips(self, entries: Iterator[Entry]) -> Iterator[tuple[Entry, bool]]:
        """Each entry, and whether its neuron is flipped: read for several entries at once, later for all neurons."""
        known = self._nearby.flipped(sum(site.width for site in self._sites))
        for asked in count():
            group = list(islice(entries, _TOGETHER))
            if not group:
                return
            flipped: Collection[int] = (
                known
                if known is not None
                else self._flipped
                if asked >= _FEW
                else self._flipped_of({e[1] for e in group})
            )
            for entry in group:
                yield entry, entry[1] in flipped

    def _flipped_of(self, neurons: set[int]) -> set[int]:
        marks = ",".join("?" * len(neurons))
        sql = f"SELECT id FROM neurons WHERE flipped = 1 AND id IN ({marks})"
        return {row[0] for row in self._connection.rows(sql, (COUNT,), list(neurons))}

    def _hit(self, entry: Entry, quadrant: Quadrant, peaks_on: Callable[[array[int], int], bool]) -> Hit:
        """The entry with its example: the one at its position, or else the first in its list that peaks on the text."""
        weakness, neuron, list_, sequence, position = entry
        site = self._sites[max(0, bisect_right(self._firsts, neuron) - 1)]
        address = NeuronAddress(site.address, neuron - site.first_neuron)
        if address.index >= site.width:
            raise self._connection.damaged("postings: a neuron is in no site")
        self._nearby.neuron(neuron)
        try:
            key = list_of_code(list_)
            blob = self._connection.rows("SELECT examples FROM packed WHERE neuron = ?", (BLOB,), (neuron,))[0][0]
            packed = unpack_examples(blob)
            rank, peak = self._place(packed, key, sequence, position, peaks_on)
            example = decode(packed, {key: (peak,)}, self._texts, site.activation)[key][0]
        except (DamagedValue, LookupError) as error:
            raise self._connection.damaged(f"{address}: {error}") from error
        example = replace(example, rank=rank)
        if quadrant != key[1]:
            example = aligned_example(example)
        return Hit(address, quadrant, (STRONGEST - weakness) / STRONGEST, example)

    def _place(
        self,
        packed: PackedExamples,
        key: tuple[str, Quadrant],
        sequence: int,
        position: int,
        peaks_on: Callable[[array[int], int], bool],
    ) -> tuple[int, int]:
        """The rank and the peak of an entry's example."""
        peaks = packed.lists[key]
        if sequence >= 0:
            for rank, peak in enumerate(peaks):
                if packed.sequences[peak] == sequence and packed.positions[peak] == position:
                    return rank, peak
        else:
            sequences = self._texts.sequences(packed.sequences[peak] for peak in peaks)
            for rank, peak in enumerate(peaks):
                tokens, place = sequences[packed.sequences[peak]].tokens, packed.positions[peak]
                if place < len(tokens) and peaks_on(tokens, place):
                    return rank, peak
        raise DamagedValue("an example that is searched for isn't there")
