"""Finds the lists of examples that peak on texts."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from heapq import merge

from ...ranking import QUADRANT_BITS
from ..format.folding import fold
from ..format.kinds import TEXT
from ..read.connection import Connection
from ..read.texts import Texts
from .postings import Entry, read_blocks, read_entries
from .sought import Sought
from .vocabulary import Shown

_TEXT = TEXT.of(2**20)  # of a peak

Key = tuple[str | None, str]
"""A text, or None for all that fold alike, and the folded text: a key of the table of peaks."""


class Peaks:
    """The table `peaks` of an index."""

    def __init__(self, connection: Connection, texts: Texts, version: int) -> None:
        """`version`: of the table, as `info.search` says. In older ones a blank after a token counts."""
        self._connection = connection
        self._texts = texts
        self._version = version

    def keys(self, sought: Sought, shown: Shown | None) -> list[Key]:
        """The keys of a text. One that no peak has is also looked for among the peaks' texts as they are `shown`."""
        first, last = sought.bounds
        sql = "SELECT DISTINCT text, folded FROM peaks WHERE folded BETWEEN ? AND ?"
        rows = self._connection.rows(sql, (_TEXT.or_null, _TEXT), (first, last if sought.prefix else f"{last} "))
        found = self._matching(rows, sought)
        if not found and shown is not None and not sought.text.isascii() and not sought.prefix:
            every = self._connection.rows("SELECT DISTINCT text, folded FROM peaks WHERE text NOTNULL", (_TEXT, _TEXT))
            if sought.exact:
                return [(own, folded) for own, folded in every if shown(own) == sought.text]
            folds = {folded for own, folded in every if fold(shown(own)) == sought.folded}
            return [key for folded in sorted(folds) for key in self.keys(Sought(folded), None)]
        return found

    def _matching(self, rows: Collection[tuple[str | None, str]], sought: Sought) -> list[Key]:
        texts: dict[str, set[str | None]] = {}
        for text, folded in rows:
            texts.setdefault(folded, set()).add(text)
        found: list[Key] = []
        for folded, own in texts.items():
            if not sought.prefix and _without_blank(folded) != sought.folded:
                continue
            if sought.exact:
                own = {text for text in own if text is not None and sought.means(text)}
            elif None in own:
                own = {None}
            found += [(text, folded) for text in own]
        return found

    def entries(self, keys: Sequence[Sequence[Key]], *, every: bool) -> Iterator[Entry]:
        """The lists that peak on any of some texts, or in quadrants with such lists for `every` text; the strongest
        first. `keys`: of each text."""
        streams = [merge(*map(self._of, dict.fromkeys(own))) for own in keys]
        return self._in_every(streams) if every and len(streams) > 1 else merge(*streams)

    @staticmethod
    def _in_every(streams: Sequence[Iterator[Entry]]) -> Iterator[Entry]:
        """The entries of the neurons and quadrants that are in every stream: of each the weakest of its strongest."""
        joined: dict[tuple[int, int], Entry] | None = None
        for stream in streams:
            own: dict[tuple[int, int], Entry] = {}
            for entry in stream:
                own.setdefault((entry[1], entry[2] & QUADRANT_BITS), entry)
            if joined is None:
                joined = own
            else:
                joined = {key: max(entry, own[key]) for key, entry in joined.items() if key in own}
        return iter(sorted((joined or {}).values()))

    def _of(self, key: Key) -> Iterator[Entry]:
        """The lists that peak on a text, the strongest first."""
        sql = "SELECT neurons FROM peaks WHERE text IS ? AND folded = ? AND block = ?"
        for blob in read_blocks(self._connection, sql, *key):
            yield from read_entries(self._connection, blob, -1, None)

    def matcher(self, keys: Sequence[Sequence[Key]]) -> Callable[[array[int], int], bool]:
        """Whether the peak at a position of some tokens is found by one of the keys."""
        exact = {text for own in keys for text, _ in own if text is not None}
        folds = {_without_blank(folded) for own in keys for text, folded in own if text is None}

        def matches(tokens: array[int], position: int) -> bool:
            if self._version > 1:
                texts = self._texts.of_peak(tokens, position)
            else:
                texts = (self._texts.spelled(tokens[position]).decode(errors="replace"),)
            return any(text in exact or fold(text) in folds for text in texts)

        return matches


def _without_blank(folded: str) -> str:
    return folded.rstrip(" ") or folded
