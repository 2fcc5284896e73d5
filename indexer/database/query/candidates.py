"""Finds the sequences of an index that may hold a text: by the full-text index, or by their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ..format.folding import Wanted, newly_cut, words
from ..format.kinds import COUNT
from ..read.connection import Connection
from ..read.texts import Texts

_TOGETHER = 50  # sequences read at a time


class Candidates:
    """Finds sequences by a text, in the order of the corpus. Every sequence that holds the text is found."""

    def __init__(self, connection: Connection, texts: Texts, version: int) -> None:
        """`version`: `info.search.version`, which determines how the full-text index cuts words."""
        self._connection = connection
        self._texts = texts
        self._version = version

    def of(self, text: str, limit: int) -> list[int]:
        """The numbers of the first sequences that have the words of a text one after the other."""
        own = words(text)
        if not self.are_indexed(text):
            return list(islice(self._holding(text), limit))
        cut = "*" if text[-1].isalnum() else ""  # the last word may be longer in the context
        rows = self._connection.rows(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?",
            (COUNT,),
            (f'"{" ".join(own)}"{cut}', limit),
        )
        return [row[0] for row in rows]

    def are_indexed(self, text: str) -> bool:
        """Whether the full-text index finds the sequences of a text, so that no sequence must be read."""
        there = "words" in self._connection.tables
        return bool(words(text)) and there and (self._version > 1 or not newly_cut(text))

    def _holding(self, text: str) -> Iterator[int]:
        """The sequences that hold a text, found by reading all of them."""
        wanted = Wanted(text, exact=False)
        needed = list(self._texts.tokens_with(set("".join(text.casefold().split()))).values())
        last = -1
        while numbers := self._next(last):
            for number, sequence in sorted(self._texts.sequences(numbers).items()):
                tokens = sequence.tokens
                if any(holders.isdisjoint(tokens) for holders in needed):
                    continue
                self._texts.load(tokens)
                if any(wanted.spans("".join(self._texts.window(tokens, 0, len(tokens))))):
                    yield number
            last = numbers[-1]

    def _next(self, last: int) -> list[int]:
        sql = "SELECT DISTINCT sequence FROM contexts WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [row[0] for row in self._connection.rows(sql, (COUNT,), (last, _TOGETHER))]
