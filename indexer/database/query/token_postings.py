"""Reads the postings of tokens: which neurons have a token in a list, and how strong it is there."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, count

from ..format.kinds import BLOB, COUNT
from ..format.schema import BLOCK
from ..format.token_lists import PLACES, STRONGEST_HALF, TOGETHER, postings_id
from ..read.connection import Connection
from ..read.inflate import DamagedValue, inflate
from ..read.unpacking import from_planes, integers

_WIDTH = 8  # bytes of a posting

Postings = tuple[Sequence[int], bytes, Sequence[int]]
"""Of one token, the strongest first: 0x7C00 - the bits of the strength, lists, and row numbers of neurons."""


class TokenPostings:
    """The table `token_neurons` of an index that has it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: tuple[int, bytes | None] = -1, None

    def columns(self, token: int, kind: int) -> Iterator[Postings]:
        """The postings of a token as columns, each block read on request."""
        for block in count():
            raw = self._block(postings_id(token, kind, block))
            if raw is None:
                return
            tokens = raw[: len(raw) // _WIDTH]
            try:
                found = _postings(raw, tokens, token)
            except DamagedValue as error:
                raise self._connection.damaged(f"postings of tokens: {error}") from error
            if found is not None:
                yield found
            if tokens and tokens[-1] > token % TOGETHER:
                return

    def size(self, tokens: Sequence[int], kind: int) -> int:
        """How many bytes the postings of some tokens take, with those of their neighbours."""
        ids = {postings_id(token, kind, 0) for token in tokens}
        sql = "SELECT sum(length(neurons)) FROM token_neurons WHERE id >= ? AND id < ?"
        return sum(self._connection.rows(sql, (COUNT.or_null,), (id_, id_ + 0x10000))[0][0] or 0 for id_ in ids)

    def _block(self, key: int) -> bytes | None:
        """The postings under a key; None if there are none. The last ones are kept: neighbouring tokens share them."""
        last, raw = self._last
        if last == key:
            return raw
        rows = self._connection.rows("SELECT neurons FROM token_neurons WHERE id = ?", (BLOB,), (key,))
        try:
            found = inflate(rows[0][0], BLOCK * _WIDTH) if rows else None
        except DamagedValue as error:
            raise self._connection.damaged(f"postings of tokens: {error}") from error
        self._last = key, found
        return found


def _postings(raw: bytes, tokens: bytes, token: int) -> Postings | None:
    """The postings of a token among those of a block, if it has any; `tokens`: the places in their group, ascending."""
    size = len(tokens)
    if len(raw) != size * _WIDTH:
        raise DamagedValue("the length is wrong")
    own = bytes((token % TOGETHER,))
    start, stop = tokens.find(own), tokens.rfind(own) + 1
    if not stop:
        return None
    planes = [raw[size * plane + start : size * plane + stop] for plane in range(1, _WIDTH)]
    weaknesses = list(accumulate(_halves(planes[0] + planes[1])))
    lists, neurons = planes[2], integers(from_planes(b"".join(planes[3:]), 4))
    if not 0 < weaknesses[0] <= weaknesses[-1] <= STRONGEST_HALF or max(lists) >= len(PLACES):
        raise DamagedValue("a strength or a list is impossible")
    return weaknesses, lists, neurons


def _halves(planes: bytes) -> array[int]:
    """Numbers of two bytes from their byte planes."""
    found = array("H", bytes(from_planes(planes, 2)))
    if sys.byteorder == "big":
        found.byteswap()
    return found
