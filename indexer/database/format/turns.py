"""The turns of a conversation: which of its tokens hold what was said, and by whom; as JSON in an index."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

LONGEST_ROLE = 32
"""Characters."""

ROLE = re.compile(r"[A-Za-z][\w-]{0,31}", re.ASCII)
"""What names a role."""


class Turn(NamedTuple):
    """Tokens that hold the content of a message, or some of it."""

    start: int
    stop: int
    role: str


def turns_text(turns: Sequence[Turn]) -> str:
    """Turns as an index keeps them: a list of [start, stop, role]."""
    return json.dumps(turns, separators=(",", ":"))


def turns_of(text: str, length: int) -> tuple[Turn, ...]:
    """Read the result of `turns_text`, of a sequence of `length` tokens. ValueError if it can't be one."""
    try:
        found = tuple(Turn(*one) for one in json.loads(text))
    except (TypeError, RecursionError) as error:
        raise ValueError("they are not turns") from error
    last = 0
    for turn in found:
        if type(turn.start) is not int or type(turn.stop) is not int or not isinstance(turn.role, str):
            raise ValueError("they are not turns")
        if not last <= turn.start < turn.stop <= length or not 0 < len(turn.role) <= LONGEST_ROLE:
            raise ValueError("they don't lie in it one after the other")
        last = turn.stop
    return found


def roles_in(turns: Sequence[Turn], start: int, stop: int) -> tuple[str | None, ...]:
    """The role that each token from `start` to before `stop` holds a content of; None for the template's own."""
    found: list[str | None] = [None] * (stop - start)
    for turn in turns:
        for place in range(max(turn.start, start), min(turn.stop, stop)):
            found[place - start] = turn.role
    return tuple(found)
