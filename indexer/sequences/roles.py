"""Roles that are asked for and that no message has: what to say of them, early and at the end."""

from __future__ import annotations

from .sequences import Sequences


def none_so_far(asked: tuple[str, ...] | None, read: Sequences) -> str | None:
    """The notice if the conversations read so far have none of the roles; None otherwise, or if there are none yet."""
    if asked is None or not read.conversations or not read.roles.isdisjoint(asked):
        return None
    return f"nothing is counted so far: no message is of {' or '.join(asked)}; the text has {_there(read)} (--roles)"


def some_never(asked: tuple[str, ...] | None, read: Sequences) -> str | None:
    """The notice at the end of the text if some of the roles, but not all, never occurred."""
    missing = [role for role in asked or () if role not in read.roles]
    if not missing or len(missing) == len(asked or ()):  # the end of a run says that nothing was counted
        return None
    return f"no message is of {' or '.join(missing)}; the text has {_there(read)} (--roles)"


def _there(read: Sequences) -> str:
    return ", ".join(sorted(read.roles)) or "no role"
