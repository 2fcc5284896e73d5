"""What can be mended, told in one line to somebody who is in the explorer."""

from __future__ import annotations

from indexer.database.query.where import UnknownColumn
from indexer.errors import GluscopeError, MissingPart

REOPEN = "ctrl+r reopens it"


def told(error: GluscopeError) -> str:
    """The cause, and what to do there: a key where one does it, a shell command only where nothing else will."""
    if isinstance(error, UnknownColumn) and not error.near:
        return f"{error.cause}: Escape and c show the columns, / comes back"
    if isinstance(error, MissingPart):
        return f"{error.cause}: {error.command} adds it, then ctrl+r"
    return f"{error.cause}: {error.fix}" if error.fix else error.cause
