"""Reads sequences and token bytes of an index, and tells the text of any window of them."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .connection import Connection
from .spans import REACH, window_text

_TOGETHER = 900  # values a query: older SQLites take at most 999


@dataclass(frozen=True, slots=True)
class StoredSequence:
    """A sequence of the corpus: where it comes from, and its token ids."""

    document: int
    part: int
    source: str
    tokens: array[int]


class Texts:
    """The texts of an index. Keeps the tokens it has seen, so asking again costs no query."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bytes: dict[int, bytes] = {}
        self._alone: dict[int, str | None] = {}  # None: no whole characters

    def sequences(self, numbers: Iterable[int]) -> dict[int, StoredSequence]:
        """The sequences of these numbers; GluscopeError where one isn't there or can't be read."""
        wanted = set(numbers)
        found = {}
        for group in _groups(wanted):
            marks = ",".join("?" * len(group))
            for number, *columns in self._connection.rows(
                "SELECT s.id, s.document, s.part, d.source, s.length, s.tokens FROM sequences AS s "
                f"JOIN documents AS d ON d.document = s.document WHERE s.id IN ({marks})",
                group,
            ):
                found[number] = self._sequence(number, *columns)
        if missing := wanted - found.keys():
            raise self._connection.damaged(f"sequence {min(missing)} is not there")
        return found

    def _sequence(
        self, number: int, document: int, part: int, source: str, length: int, tokens: bytes
    ) -> StoredSequence:
        try:
            data = zlib.decompress(tokens)
        except zlib.error as error:
            raise self._connection.damaged(f"sequence {number}: {error}") from error
        if length < 1 or len(data) not in (2 * length, 4 * length):
            raise self._connection.damaged(f"sequence {number} has not the length it says")
        ids: array[int] = array("H" if len(data) == 2 * length else "I", data)
        if sys.byteorder == "big":
            ids.byteswap()
        return StoredSequence(document, part, source, ids)

    def load(self, tokens: Iterable[int]) -> None:
        """Read the bytes of many tokens with few queries."""
        wanted = set(tokens) - self._bytes.keys()
        for group in _groups(wanted):
            marks = ",".join("?" * len(group))
            for token, data in self._connection.rows(f"SELECT id, bytes FROM tokens WHERE id IN ({marks})", group):
                self._alone[token] = _decoded(data)
                self._bytes[token] = data
        if missing := wanted - self._bytes.keys():
            raise self._connection.damaged(f"token {min(missing)} is not there")

    def alone(self, token: int) -> str:
        """The text of a token by itself; U+FFFD where it is no whole character."""
        if token not in self._bytes:
            self.load([token])
        return self._bytes[token].decode(errors="replace")

    def spelled(self, token: int) -> bytes:
        """The bytes of a token."""
        if token not in self._bytes:
            self.load([token])
        return self._bytes[token]

    def window(self, tokens: array[int], start: int, stop: int) -> tuple[str, ...]:
        """The text of each token from `start` to before `stop`; joined, that of the window."""
        inner = tokens[start:stop]
        try:
            alone = [self._alone[token] for token in inner]
        except KeyError:
            self.load(tokens[max(0, start - REACH) : stop + REACH])
            alone = [self._alone[token] for token in inner]
        whole = [text for text in alone if text is not None]
        if len(whole) == len(alone):
            return tuple(whole)
        before = self._neighbours(reversed(tokens[:start]))[::-1]
        after = self._neighbours(iter(tokens[stop:]))
        return window_text(before, [self._bytes[token] for token in inner], after)

    def _neighbours(self, tokens: Iterator[int]) -> list[bytes]:
        """The bytes of the first tokens, as many as hold the bytes that a cut character can have."""
        found: list[bytes] = []
        size = 0
        for token in tokens:
            if size >= REACH:
                break
            if token not in self._bytes:
                self.load([token])
            found.append(self._bytes[token])
            size += len(found[-1])
        return found


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _groups(values: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _TOGETHER):
        yield ordered[start : start + _TOGETHER]
