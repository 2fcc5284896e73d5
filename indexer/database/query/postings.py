"""Reads the postings of examples: which neuron, in which list, how strong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, count

from ..format.kinds import BLOB
from ..format.schema import BLOCK, STRONGEST
from ..read.connection import Connection
from ..read.inflate import DamagedValue, inflate
from ..read.unpacking import from_planes, integers

Entry = tuple[int, int, int, int, int]
"""255 - strength, row number of the neuron, `list_code`, sequence, position; raw signs."""


def read_blocks(connection: Connection, sql: str, *key: object) -> Iterator[bytes]:
    """The blobs of a key, block after block, each read on request."""
    for block in count():
        rows = connection.rows(sql, (BLOB,), (*key, block))
        if not rows:
            return
        yield rows[0][0]


def read_entries(connection: Connection, blob: bytes, sequence: int, inside: bytearray | None) -> Iterator[Entry]:
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
        raise connection.damaged(f"postings: {error}") from error
    places: Iterable[int] = range(size)
    if inside is not None:
        if size and max(positions) >= len(inside):
            raise connection.damaged(f"postings: a peak lies outside sequence {sequence}")
        places = compress(places, map(inside.__getitem__, positions))
    for place in places:
        position = -1 if inside is None else positions[place]
        yield STRONGEST - raw[place], neurons[place], raw[size + place], sequence, position
