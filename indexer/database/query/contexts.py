"""Finds the examples that have texts in their windows."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import accumulate, chain

from ..format.folding import Wanted
from ..read.connection import Connection
from ..read.texts import StoredSequence, Texts
from .candidates import Candidates
from .postings import Entry, read_blocks, read_entries

SEQUENCES = 500
"""At most so many sequences that hold the words of a text are searched, in the order of the corpus."""

_AT_ONCE = 50  # sequences read together


class Contexts:
    """The examples of an index by the text in their windows."""

    def __init__(self, connection: Connection, texts: Texts, window: tuple[int, int], version: int) -> None:
        """`window`: tokens before and after a peak; `version`: of the tables, as `info.search` says."""
        self._connection = connection
        self._texts = texts
        self._before, self._after = window
        self._candidates = Candidates(connection, texts, version)

    def is_cut(self, texts: Sequence[str]) -> bool:
        """Whether more than SEQUENCES sequences hold the words of a text: a search for it is then incomplete."""
        return any(len(self._candidates.of(text, SEQUENCES + 1)) > SEQUENCES for text in texts)

    def has_word(self, text: str) -> bool | None:
        """Whether a word of a sequence begins with the text; of several words, whether the others precede it. None: it
        can't be told at once."""
        return bool(self._candidates.of(text, 1)) if self._candidates.are_indexed(text) else None

    def entries(self, texts: Sequence[str], *, every: bool, exact: bool) -> Iterator[Entry]:
        """The examples that have any of the texts in their windows, or `every` one, the strongest first."""
        wanted = [Wanted(text, exact=exact) for text in texts]
        holding = [set(self._candidates.of(text, SEQUENCES)) for text in texts]
        numbers = sorted(set.intersection(*holding) if every else set.union(*holding))
        streams = []
        for start in range(0, len(numbers), _AT_ONCE):
            sequences = self._texts.sequences(numbers[start : start + _AT_ONCE])
            self._texts.load(chain.from_iterable(sequence.tokens for sequence in sequences.values()))
            for number, sequence in sorted(sequences.items()):
                inside = self._windows_with(wanted, sequence, every=every)
                if any(inside):
                    streams.append(self._of_sequence(number, inside))
        return merge(*streams)

    def _of_sequence(self, number: int, inside: bytearray) -> Iterator[Entry]:
        sql = "SELECT examples FROM contexts WHERE sequence = ? AND block = ?"
        for blob in read_blocks(self._connection, sql, number):
            yield from read_entries(self._connection, blob, number, inside)

    def _windows_with(self, wanted: Sequence[Wanted], sequence: StoredSequence, *, every: bool) -> bytearray:
        """For each position, 1 if the window of a peak there holds a wanted text, or `every` one, else 0."""
        ids = sequence.tokens
        tokens = self._texts.window(ids, 0, len(ids))
        first, *others = (self._windows_of(one, ids, tokens) for one in wanted)
        for other in others:
            pairs = zip(first, other, strict=True)
            first = bytearray(a & b if every else a | b for a, b in pairs)
        return first

    def _windows_of(self, wanted: Wanted, ids: array[int], tokens: Sequence[str]) -> bytearray:
        """For each position, 1 if the window of a peak there holds the text, else 0."""
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
