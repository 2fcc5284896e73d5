"""Reads sequences and token bytes of an index, and decodes the text of any window of them."""

from __future__ import annotations

import sys
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...errors import GluscopeError
from ..format.kinds import BLOB, COUNT, TEXT, TOKEN
from ..format.schema import LARGEST_TEXT, LONGEST_SEQUENCE
from ..format.turns import Turn
from .connection import Connection
from .inflate import DamagedValue, inflate
from .nearby import Nearby
from .spans import NEAR, REACH, peak_texts, window_text
from .turns import read_turns

_STRETCH = 20_000  # rows a query when all are read
_KEPT = 2**22  # tokens of sequences that stay unpacked


@dataclass(frozen=True, slots=True)
class StoredSequence:
    """A sequence of the corpus: its source, and its token ids, which are unpacked on request."""

    number: int
    document: int
    part: int
    source: str
    length: int  # tokens
    texts: Texts
    packed: bytes

    @property
    def tokens(self) -> array[int]:
        """The token ids."""
        return self.texts.ids(self)


class Texts:
    """The texts of an index. Tokens once read are kept, so reading them again costs no query."""

    def __init__(self, connection: Connection, nearby: Nearby | None = None) -> None:
        """`nearby`: where the tokens are in one piece, if the index is on a server."""
        self._connection = connection
        self._nearby = nearby
        self._tokens_are_near = nearby is not None
        self._bytes: dict[int, bytes] = {}
        self._longest = 0  # bytes of a token
        self._alone: dict[int, str | None] = {}  # None: no whole characters
        self._ids: dict[int, array[int]] = {}  # of the sequences asked for last
        self._kept = 0  # how many these are in all
        self._lock = threading.Lock()

    def sequences(self, numbers: Iterable[int]) -> dict[int, StoredSequence]:
        """The sequences with these numbers; GluscopeError if one is missing or can't be read."""
        wanted = set(numbers)
        if self._nearby is not None:
            self._nearby.sequences(wanted)
        found = {}
        for number, *columns in self._connection.rows_among(
            "SELECT s.id, s.document, s.part, d.source, s.length, s.tokens FROM sequences AS s "
            "JOIN documents AS d ON d.document = s.document WHERE s.id IN",
            (COUNT, COUNT, COUNT, TEXT, COUNT.of(LONGEST_SEQUENCE), BLOB),
            sorted(wanted),
        ):
            document, part, source, length, packed = columns
            found[number] = StoredSequence(number, document, part, source, length, self, packed)
        if missing := wanted - found.keys():
            raise self._connection.damaged(f"sequence {min(missing)} is not there")
        return found

    def turns(self, numbers: Iterable[int]) -> dict[int, tuple[Turn, ...]]:
        """The turns of the sequences with these numbers, of those that are conversations."""
        return read_turns(self._connection, numbers)

    def sequence(self, document: int, part: int, *, whole: bool = False) -> StoredSequence:
        """A sequence of the corpus; GluscopeError if it is not kept. `whole`: its document is one, whatever `part`."""
        found = self._connection.rows(
            f"SELECT id FROM sequences WHERE document = ? AND part {'>=' if whole else '='} ?",
            (COUNT,),
            (document, part),
        )
        if not found:
            raise GluscopeError(
                f"part {part} of document {document} is not in this index",
                "only sequences that an example or the sample is from are kept",
            )
        number: int = found[0][0]
        return self.sequences([number])[number]

    def ids(self, sequence: StoredSequence) -> array[int]:
        """The token ids of a sequence. Only the latest ones stay unpacked, so that memory holds few long sequences."""
        with self._lock:
            if (kept := self._ids.get(sequence.number)) is not None:
                return kept
        found = self._unpacked(sequence)
        with self._lock:
            if sequence.number not in self._ids:
                self._ids[sequence.number] = found
                self._kept += len(found)
            while len(self._ids) > 1 and self._kept > _KEPT:
                self._kept -= len(self._ids.pop(next(iter(self._ids))))
        return found

    def _unpacked(self, sequence: StoredSequence) -> array[int]:
        number, length = sequence.number, sequence.length
        try:
            data = inflate(sequence.packed, 4 * length)
        except DamagedValue as error:
            raise self._connection.damaged(f"sequence {number}: {error}") from error
        if length < 1 or len(data) not in (2 * length, 4 * length):
            raise self._connection.damaged(f"sequence {number} has not the length it says")
        ids: array[int] = array("H" if len(data) == 2 * length else "I", data)
        if sys.byteorder == "big":
            ids.byteswap()
        return ids

    def load(self, tokens: Iterable[int]) -> None:
        """Read the bytes of many tokens with few queries."""
        wanted = {token for token in tokens if token not in self._bytes}
        if wanted and self._nearby is not None and self._tokens_are_near:
            self._tokens_are_near = False
            self._keep(self._nearby.tokens())
            wanted -= self._bytes.keys()
        sql = "SELECT id, bytes FROM tokens WHERE id IN"
        self._keep(dict(self._connection.rows_among(sql, (COUNT, TOKEN), sorted(wanted))))
        if missing := wanted - self._bytes.keys():
            raise self._connection.damaged(f"token {min(missing)} is not there")

    def _keep(self, tokens: Mapping[int, bytes]) -> None:
        for token, data in tokens.items():
            self._longest = max(self._longest, len(data))
            self._alone[token] = _decoded(data)
            self._bytes[token] = data

    def tokens_with(self, characters: Iterable[str]) -> dict[str, set[int]]:
        """For each character, in lower case, the tokens that hold it. A token with part of one counts for any."""
        found: dict[str, set[int]] = {character: set() for character in characters}
        last = -1
        while rows := self._connection.rows(
            f"SELECT id, bytes FROM tokens WHERE id > ? ORDER BY id LIMIT {_STRETCH}", (COUNT, TOKEN), (last,)
        ):
            for token, data in rows:
                text = data.decode(errors="replace").casefold()
                for character, tokens in found.items():
                    if character in text or "\ufffd" in text:
                        tokens.add(token)
            last = rows[-1][0]
        return found

    def alone(self, token: int) -> str:
        """The text of a token by itself; U+FFFD if it is not a whole character."""
        if token not in self._bytes:
            self.load([token])
        return self._bytes[token].decode(errors="replace")

    def spelled(self, token: int) -> bytes:
        """The bytes of a token."""
        if token not in self._bytes:
            self.load([token])
        return self._bytes[token]

    def window(self, tokens: array[int], start: int, stop: int) -> tuple[str, ...]:
        """The text of each token from `start` to before `stop`; joined, the window's text."""
        inner = tokens[start:stop]
        try:
            alone = [self._alone[token] for token in inner]
        except KeyError:
            self.load(tokens[max(0, start - REACH) : stop + REACH])
            alone = [self._alone[token] for token in inner]
        if len(inner) * self._longest > LARGEST_TEXT < sum(len(self._bytes[token]) for token in inner):
            raise self._connection.damaged(f"the text of {len(inner):,} tokens is longer than {LARGEST_TEXT:,} bytes")
        whole = [text for text in alone if text is not None]
        if len(whole) == len(alone):
            return tuple(whole)
        before = self._neighbours(reversed(tokens[:start]))[::-1]
        after = self._neighbours(iter(tokens[stop:]))
        return window_text(before, [self._bytes[token] for token in inner], after)

    def of_peak(self, tokens: array[int], position: int) -> tuple[str, ...]:
        """The texts by which a peak at a position is found."""
        near = tokens[max(0, position - NEAR) : position + NEAR + 1]
        self.load(near)
        return peak_texts([self._bytes[token] for token in near], min(position, NEAR))

    def _neighbours(self, tokens: Iterator[int]) -> list[bytes]:
        """The bytes of the first tokens, up to the number of bytes that a cut character can lack."""
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
