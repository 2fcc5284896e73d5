"""Reads who says what in the sequences of an index that are conversations."""

from __future__ import annotations

from collections.abc import Iterable

from ..format.kinds import COUNT, LONG_TEXT
from ..format.schema import LONGEST_SEQUENCE
from ..format.turns import Turn, turns_of
from .connection import Connection

_TOGETHER = 500  # numbers a query


def read_turns(connection: Connection, numbers: Iterable[int]) -> dict[int, tuple[Turn, ...]]:
    """The turns of the sequences with these numbers, of those that are conversations.

    GluscopeError if they are not what gluscope writes. Older indexes have none.
    """
    found: dict[int, tuple[Turn, ...]] = {}
    if "turns" not in connection.tables:
        return found
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), _TOGETHER):
        group = wanted[start : start + _TOGETHER]
        marks = ",".join("?" * len(group))
        for number, length, text in connection.rows(
            "SELECT t.sequence, s.length, t.turns FROM turns AS t JOIN sequences AS s ON s.id = t.sequence "
            f"WHERE t.sequence IN ({marks})",
            (COUNT, COUNT.of(LONGEST_SEQUENCE), LONG_TEXT),
            group,
        ):
            try:
                found[number] = turns_of(text, length)
            except ValueError as error:
                raise connection.damaged(f"the turns of sequence {number}: {error}") from error
    return found
