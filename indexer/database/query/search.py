"""Finds neurons by words: those whose examples peak on a text, and those with a text in their contexts."""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from heapq import merge
from itertools import accumulate, compress, count, islice

from ...addresses import NeuronAddress
from ...errors import GluscopeError, MissingPart
from ...quadrants import QUADRANTS, Quadrant
from ...ranking import QUADRANT_BITS, list_of_code
from ..format.folding import fold, pattern, words
from ..read.connection import Connection
from ..read.examples import decode
from ..read.signs import aligned_example
from ..read.texts import StoredSequence, Texts
from ..read.unpacking import DamagedValue, PackedExamples, from_planes, integers, unpack_examples
from ..records import Hit, SiteRecord

PLACES = ("peak", "context")
"""Where a text may be searched for."""

SEQUENCES = 500
"""So many of the sequences that hold the words of a text are looked through, the first of the corpus."""

_TOGETHER = 500  # entries whose flips are asked for together; older SQLites take at most 999 values
_FEW = 20  # such questions before the flips of all neurons are read
STRONGEST = 255  # what a strength of 1 is stored as

Entry = tuple[int, int, int, int, int]
"""255 - strength, row number of the neuron, `list_code`, sequence, position; raw signs."""


class Search:
    """The searches of an index. GluscopeError where it was made without what they read."""

    def __init__(
        self, connection: Connection, texts: Texts, sites: tuple[SiteRecord, ...], window: tuple[int, int]
    ) -> None:
        self._connection = connection
        self._texts = texts
        self._sites = sites
        self._firsts = [site.first_neuron for site in sites]
        self._before, self._after = window

    def hits(
        self, text: str, where: str, *, exact: bool, quadrants: Iterable[Quadrant], limit: int | None, signs: str
    ) -> Iterator[Hit]:
        """Hits by quadrant, in the order of QUADRANTS, the strongest first, at most `limit` a quadrant."""
        self._demand_tables()
        if where not in PLACES:
            raise GluscopeError(f"a text can't be searched for in {where!a}", f"use {' or '.join(PLACES)}")
        if not text:
            raise GluscopeError("there is nothing to search for", "give a text: gluscope search France")
        entries = self._peaks(text, exact=exact) if where == "peak" else self._contexts(text, exact=exact)
        peaks_on = self._peaks_on(text, exact=exact)
        for quadrant, found in self._best(entries, set(quadrants), limit, signs).items():
            for entry in found:
                yield self._hit(entry, quadrant, peaks_on)

    def is_cut(self, text: str) -> bool:
        """Whether more than SEQUENCES sequences hold the words of a text, so that a search in contexts is not whole."""
        return len(self._candidates(text)) > SEQUENCES

    @cached_property
    def _flipped(self) -> frozenset[int]:
        return frozenset(row[0] for row in self._connection.rows("SELECT id FROM neurons WHERE flipped = 1"))

    def _demand_tables(self) -> None:
        rows = self._connection.rows("SELECT name FROM sqlite_master WHERE name IN ('peaks', 'contexts')")
        if len(rows) < 2:
            raise MissingPart(
                f"{self._connection.path} was made without what searches read",
                f"gluscope search --build --db {self._connection.path}",
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
        """Each entry, and whether its neuron is flipped: asked for some together, then for all there are."""
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
        return {row[0] for row in self._connection.rows(sql, list(neurons))}

    def _peaks(self, text: str, *, exact: bool) -> Iterator[Entry]:
        """The lists that peak on a text, the strongest first."""
        rows = self._connection.rows("SELECT DISTINCT text FROM peaks WHERE folded = ?", (fold(text),))
        texts = {row[0] for row in rows}
        if exact:
            texts &= {text}
        elif None in texts:
            texts = {None}
        sql = "SELECT neurons FROM peaks WHERE folded = ? AND text IS ? AND block = ?"
        for own in texts:  # one at most
            for blob in self._blocks(sql, fold(text), own):
                yield from self._entries(blob, -1, None)

    def _blocks(self, sql: str, *key: object) -> Iterator[bytes]:
        """The blobs of a key, block after block, each read when it is asked for."""
        for block in count():
            rows = self._connection.rows(sql, (*key, block))
            if not rows:
                return
            yield rows[0][0]

    def _contexts(self, text: str, *, exact: bool) -> Iterator[Entry]:
        """The examples that have a text in their windows, the strongest first."""
        wanted = pattern(text, exact=exact)
        numbers = self._candidates(text)[:SEQUENCES]
        streams = []
        sequences = self._texts.sequences(numbers)
        self._texts.load(set[int]().union(*(sequence.tokens for sequence in sequences.values())))
        for number, sequence in sorted(sequences.items()):
            inside = self._windows_with(wanted, sequence)
            if any(inside):
                streams.append(self._of_sequence(number, inside))
        return merge(*streams)

    def _of_sequence(self, number: int, inside: bytearray) -> Iterator[Entry]:
        for blob in self._blocks("SELECT examples FROM contexts WHERE sequence = ? AND block = ?", number):
            yield from self._entries(blob, number, inside)

    def _candidates(self, text: str) -> list[int]:
        """The sequences that have the words of a text one after the other, one more than are looked through."""
        own = words(text)
        there = self._connection.rows("SELECT 1 FROM sqlite_master WHERE name = 'words'")
        if not own or not there:
            every = "SELECT DISTINCT sequence FROM contexts ORDER BY sequence LIMIT ?"
            return [row[0] for row in self._connection.rows(every, (SEQUENCES + 1,))]
        cut = "*" if text[-1].isalnum() else ""  # the last word may be longer in the context
        query = f'"{" ".join(own)}"{cut}'
        rows = self._connection.rows(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?", (query, SEQUENCES + 1)
        )
        return [row[0] for row in rows]

    def _windows_with(self, wanted: re.Pattern[str], sequence: StoredSequence) -> bytearray:
        """For each position 1 where the window of a peak there holds what is wanted, 0 elsewhere."""
        tokens = self._texts.window(sequence.tokens, 0, len(sequence.tokens))
        inside = bytearray(len(tokens))
        ends = list(accumulate(map(len, tokens)))
        done = 0
        for match in wanted.finditer("".join(tokens)):
            first = bisect_right(ends, match.start())  # the token that holds the first character
            while first + 1 < len(tokens) and ends[first] == match.start() + 1 and self._goes_on(sequence, first + 1):
                first += 1
            last = bisect_right(ends, match.end() - 1)
            start, stop = max(last - self._after, done), min(first + self._before + 1, len(tokens))
            if start < stop:  # what was marked for the matches before needs no mark
                inside[start:stop] = b"\1" * (stop - start)
                done = stop
        return inside

    def _goes_on(self, sequence: StoredSequence, place: int) -> bool:
        """Whether a token begins in the middle of a character."""
        data = self._texts.spelled(sequence.tokens[place])
        return bool(data) and data[0] & 0xC0 == 0x80

    def _entries(self, blob: bytes, sequence: int, inside: bytearray | None) -> Iterator[Entry]:
        """The postings in a blob, in their order, those of a sequence only where a peak is `inside`."""
        width = 6 if inside is None else 10
        try:
            raw = zlib.decompress(blob)
            size, odd = divmod(len(raw), width)
            if odd:
                raise DamagedValue("the length is wrong")
            neurons = integers(from_planes(raw[2 * size : 6 * size], 4))
            positions = integers(from_planes(raw[6 * size :], 4))
        except (zlib.error, DamagedValue) as error:
            raise self._connection.damaged(f"postings: {error}") from error
        places: Iterable[int] = range(size)
        if inside is not None:
            if size and max(positions) >= len(inside):
                raise self._connection.damaged(f"postings: a peak lies outside sequence {sequence}")
            places = compress(places, map(inside.__getitem__, positions))
        for place in places:
            position = -1 if inside is None else positions[place]
            yield STRONGEST - raw[place], neurons[place], raw[size + place], sequence, position

    def _peaks_on(self, text: str, *, exact: bool) -> Callable[[int], bool]:
        """Whether a token's text is the one searched for."""

        def matches(token: int) -> bool:
            spelled = self._texts.spelled(token).decode(errors="replace")
            return spelled == text if exact else fold(spelled) == fold(text)

        return matches

    def _hit(self, entry: Entry, quadrant: Quadrant, peaks_on: Callable[[int], bool]) -> Hit:
        """The entry with its example: the one at its position, else the first in its list that peaks on the text."""
        weakness, neuron, list_, sequence, position = entry
        site = self._sites[max(0, bisect_right(self._firsts, neuron) - 1)]
        address = NeuronAddress(site.address, neuron - site.first_neuron)
        try:
            key = list_of_code(list_)
            blob = self._connection.rows("SELECT examples FROM packed WHERE neuron = ?", (neuron,))[0][0]
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
        peaks_on: Callable[[int], bool],
    ) -> tuple[int, int]:
        """The rank and the peak of an entry's example."""
        peaks = packed.lists[key]
        if sequence >= 0:
            for rank, peak in enumerate(peaks):
                if packed.sequences[peak] == sequence and packed.positions[peak] == position:
                    return rank, peak
        else:
            sequences = self._texts.sequences(packed.sequences[peak] for peak in peaks)
            self._texts.load(sequences[packed.sequences[p]].tokens[packed.positions[p]] for p in peaks)
            for rank, peak in enumerate(peaks):
                if peaks_on(sequences[packed.sequences[peak]].tokens[packed.positions[peak]]):
                    return rank, peak
        raise DamagedValue("an example that is searched for isn't there")
