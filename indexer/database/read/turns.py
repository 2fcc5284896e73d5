"""Reads who says what in the sequences of an index that are conversations."""

from __future__ import annotations

from collections.abc import Iterable

from ..format.kinds import COUNT, LONG_TEXT
from ..format.schema import LONGEST_SEQUENCE
from ..format.turns import Turn, turns_of
from .connection import Connection


def read_turns(connection: Connection, numbers: Iterable[int]) -> dict[int, tuple[Turn, ...]]:
    """The turns of the sequences with these numbers, of those that are conversations.

    GluscopeError if they are not what gluscope writes. Older indexes have none.
    """
    found: dict[int, tuple[Turn, ...]] = {}
    if "turns" not in connection.tables:
        return found
    for number, length, text in connection.rows_among(
        "SELECT t.sequence, s.length, t.turns FROM turns AS t JOIN sequences AS s ON s.id = t.sequence "
        "WHERE t.sequence IN",
        (COUNT, COUNT.of(LONGEST_SEQUENCE), LONG_TEXT),
        sorted(set(numbers)),
    ):
        try:
            found[number] = turns_of(text, length)
        except ValueError as error:
            raise connection.damaged(f"the turns of sequence {number}: {error}") from error
    return found
