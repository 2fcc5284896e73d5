"""Finds neurons by words: those whose examples peak on a text, and those with a text in their contexts."""

from __future__ import annotations

import shlex
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import merge
from itertools import accumulate, compress, count, islice

from ...addresses import NeuronAddress
from ...errors import GluscopeError, MissingPart
from ...quadrants import QUADRANTS, Quadrant
from ...ranking import QUADRANT_BITS, list_of_code
from ..format.folding import Wanted, fold
from ..format.kinds import BLOB, COUNT, TEXT
from ..format.schema import BLOCK, SEARCH_VERSION, STRONGEST
from ..read.connection import Connection
from ..read.examples import decode
from ..read.inflate import DamagedValue, inflate
from ..read.signs import aligned_example
from ..read.texts import StoredSequence, Texts
from ..read.unpacking import PackedExamples, from_planes, integers, unpack_examples
from ..records import Hit, SiteRecord
from .candidates import Candidates

PLACES = ("peak", "context")
"""The places in which a text may be searched for."""

SEQUENCES = 500
"""At most so many sequences that hold the words of a text are searched, in the order of the corpus."""

_TOGETHER = 500  # entries whose flips one query reads; older SQLites take at most 999 values
_FEW = 20  # such queries before the flips of all neurons are read
_AT_ONCE = 50  # sequences read together
_TEXT = TEXT.of(2**20)  # of a peak

Shown = Callable[[str], str]
"""How the text of a peak is shown; the peak is found by that, too."""

Entry = tuple[int, int, int, int, int]
"""255 - strength, row number of the neuron, `list_code`, sequence, position; raw signs."""


class Search:
    """The searches of an index. GluscopeError if the index was made without the tables that they read."""

    def __init__(
        self,
        connection: Connection,
        texts: Texts,
        sites: tuple[SiteRecord, ...],
        window: tuple[int, int],
        version: int,
    ) -> None:
        """`window`: tokens before and after a peak; `version`: of the tables, as `info.search` says."""
        self._connection = connection
        self._texts = texts
        self._sites = sites
        self._firsts = [site.first_neuron for site in sites]
        self._before, self._after = window
        self._version = version
        self._candidates = Candidates(connection, texts, version)

    def hits(
        self,
        text: str,
        where: str,
        *,
        exact: bool,
        quadrants: Iterable[Quadrant],
        limit: int | None,
        signs: str,
        shown: Shown | None = None,
    ) -> Iterator[Hit]:
        """Hits by quadrant, in the order of QUADRANTS, the strongest first, at most `limit` for each quadrant.

        A text that no peak has is also looked for among the texts as they are `shown`.
        """
        self._demand_tables()
        if where not in PLACES:
            raise GluscopeError(f"a text can't be searched for in {where!a}", f"use {' or '.join(PLACES)}")
        if not text:
            raise GluscopeError("there is nothing to search for", "give a text: gluscope search France")
        keys = self._keys(text, exact=exact, shown=shown) if where == "peak" else []
        entries = merge(*map(self._peaks, keys)) if where == "peak" else self._contexts(text, exact=exact)
        peaks_on = self._peaks_on(keys)
        for quadrant, found in self._best(entries, set(quadrants), limit, signs).items():
            for entry in found:
                yield self._hit(entry, quadrant, peaks_on)

    def is_cut(self, text: str) -> bool:
        """Whether more than SEQUENCES sequences hold the words of a text: a search in contexts is then incomplete."""
        return len(self._candidates.of(text, SEQUENCES + 1)) > SEQUENCES

    def is_outdated(self, text: str) -> bool:
        """Whether an older gluscope made the tables, with other peaks for a text like this."""
        return self._version < SEARCH_VERSION and not text.isascii()

    @cached_property
    def _flipped(self) -> frozenset[int]:
        return frozenset(row[0] for row in self._connection.rows("SELECT id FROM neurons WHERE flipped = 1", (COUNT,)))

    def _demand_tables(self) -> None:
        if not {"peaks", "contexts"} <= self._connection.tables:
            raise MissingPart(
                f"{self._connection.path} lacks the search tables",
                f"gluscope search --build --db {shlex.quote(self._connection.path)}",
            )

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
        for asked in count():
            group = list(islice(entries, _TOGETHER))
            if not group:
                return
            flipped: Collection[int] = self._flipped if asked >= _FEW else self._flipped_of({e[1] for e in group})
            for entry in group:
                yield entry, entry[1] in flipped

    def _flipped_of(self, neurons: set[int]) -> set[int]:
        marks = ",".join("?" * len(neurons))
        sql = f"SELECT id FROM neurons WHERE flipped = 1 AND id IN ({marks})"
        return {row[0] for row in self._connection.rows(sql, (COUNT,), list(neurons))}

    def _keys(self, text: str, *, exact: bool, shown: Shown | None) -> list[tuple[str | None, str]]:
        """The keys (text, folded) under which the table of peaks has a text."""
        folds = {fold(text)} if self._version > 1 else {fold(text), fold(text) + " "}  # older: one blank kept
        found = self._folded(folds, text if exact else None)
        if not found and shown is not None and not text.isascii():
            rows = self._connection.rows("SELECT DISTINCT text, folded FROM peaks WHERE text NOTNULL", (_TEXT, _TEXT))
            if exact:
                return [(own, folded) for own, folded in rows if shown(own) == text]
            return self._folded({folded for own, folded in rows if fold(shown(own)) == fold(text)}, None)
        return found

    def _folded(self, folds: Collection[str], text: str | None) -> list[tuple[str | None, str]]:
        """The keys of some folded texts: of one text, or of all together for None."""
        found: list[tuple[str | None, str]] = []
        for folded in folds:
            rows = self._connection.rows(
                "SELECT DISTINCT text FROM peaks WHERE folded = ?", (_TEXT.or_null,), (folded,)
            )
            texts = {row[0] for row in rows}
            if text is not None:
                texts &= {text}
            elif None in texts:
                texts = {None}
            found += [(own, folded) for own in texts]
        return found

    def _peaks(self, key: tuple[str | None, str]) -> Iterator[Entry]:
        """The lists that peak on a text, the strongest first."""
        sql = "SELECT neurons FROM peaks WHERE text IS ? AND folded = ? AND block = ?"
        for blob in self._blocks(sql, *key):
            yield from self._entries(blob, -1, None)

    def _blocks(self, sql: str, *key: object) -> Iterator[bytes]:
        """The blobs of a key, block after block, each read on request."""
        for block in count():
            rows = self._connection.rows(sql, (BLOB,), (*key, block))
            if not rows:
                return
            yield rows[0][0]

    def _contexts(self, text: str, *, exact: bool) -> Iterator[Entry]:
        """The examples that have a text in their windows, the strongest first."""
        wanted = Wanted(text, exact=exact)
        numbers = self._candidates.of(text, SEQUENCES)
        streams = []
        for start in range(0, len(numbers), _AT_ONCE):
            sequences = self._texts.sequences(numbers[start : start + _AT_ONCE])
            for number, sequence in sorted(sequences.items()):
                inside = self._windows_with(wanted, sequence)
                if any(inside):
                    streams.append(self._of_sequence(number, inside))
        return merge(*streams)

    def _of_sequence(self, number: int, inside: bytearray) -> Iterator[Entry]:
        for blob in self._blocks("SELECT examples FROM contexts WHERE sequence = ? AND block = ?", number):
            yield from self._entries(blob, number, inside)

    def _windows_with(self, wanted: Wanted, sequence: StoredSequence) -> bytearray:
        """For each position, 1 if the window of a peak there holds the wanted text, else 0."""
        ids = sequence.tokens
        self._texts.load(ids)
        tokens = self._texts.window(ids, 0, len(ids))
        inside = bytearray(len(tokens))
        ends = list(accumulate(map(len, tokens)))
        done = 0
        for begin, end in wanted.spans("".join(tokens)):
            first = bisect_right(ends, begin)  # the token that holds the first character
            while first + 1 < len(tokens) and ends[first] == begin + 1 and self._goes_on(ids, first + 1):
                first += 1
            last = bisect_right(ends, end - 1)
            start, stop = max(last - self._after, done), min(first + self._before + 1, len(tokens))
            if start < stop:  # positions marked for earlier matches need no second mark
                inside[start:stop] = b"\1" * (stop - start)
                done = stop
        return inside

    def _goes_on(self, ids: Sequence[int], place: int) -> bool:
        """Whether a token begins in the middle of a character."""
        data = self._texts.spelled(ids[place])
        return bool(data) and data[0] & 0xC0 == 0x80

    def _entries(self, blob: bytes, sequence: int, inside: bytearray | None) -> Iterator[Entry]:
        """The postings in a blob, in their order; those of a sequence only if their peak is `inside`."""
        width = 6 if inside is None else 10
        try:
            raw = inflate(blob, BLOCK * width)
            size, odd = divmod(len(raw), width)
            if odd:
                raise DamagedValue("the length is wrong")
            neurons = integers(from_planes(raw[2 * size : 6 * size], 4))
            positions = integers(from_planes(raw[6 * size :], 4))
        except DamagedValue as error:
            raise self._connection.damaged(f"postings: {error}") from error
        places: Iterable[int] = range(size)
        if inside is not None:
            if size and max(positions) >= len(inside):
                raise self._connection.damaged(f"postings: a peak lies outside sequence {sequence}")
            places = compress(places, map(inside.__getitem__, positions))
        for place in places:
            position = -1 if inside is None else positions[place]
            yield STRONGEST - raw[place], neurons[place], raw[size + place], sequence, position

    def _peaks_on(self, keys: Collection[tuple[str | None, str]]) -> Callable[[array[int], int], bool]:
        """Whether the peak at a position of some tokens is found by one of the keys."""
        exact = {text for text, _ in keys if text is not None}
        folds = {folded.rstrip(" ") or folded for text, folded in keys if text is None}

        def matches(tokens: array[int], position: int) -> bool:
            if self._version > 1:
                texts = self._texts.of_peak(tokens, position)
            else:
                texts = (self._texts.spelled(tokens[position]).decode(errors="replace"),)
            return any(text in exact or fold(text) in folds for text in texts)

        return matches

    def _hit(self, entry: Entry, quadrant: Quadrant, peaks_on: Callable[[array[int], int], bool]) -> Hit:
        """The entry with its example: the one at its position, or else the first in its list that peaks on the text."""
        weakness, neuron, list_, sequence, position = entry
        site = self._sites[max(0, bisect_right(self._firsts, neuron) - 1)]
        address = NeuronAddress(site.address, neuron - site.first_neuron)
        if address.index >= site.width:
            raise self._connection.damaged("postings: a neuron is in no site")
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
