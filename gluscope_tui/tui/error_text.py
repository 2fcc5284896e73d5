"""An error in one line for someone inside the explorer."""

from __future__ import annotations

from indexer.database.query.where import UnknownColumn
from indexer.errors import GluscopeError, MissingPart

REOPEN = "{app.reopen} reopens it"


def told(error: GluscopeError) -> str:
    """The cause and the fix: a key of the explorer if there is one, otherwise a shell command."""
    if isinstance(error, UnknownColumn) and not error.near:
        return f"{error.cause}: Escape and c show the columns, / comes back"
    if isinstance(error, MissingPart):
        return f"{error.cause}: {error.command} adds it, then {{app.reopen}}"
    return f"{error.cause}: {error.fix}" if error.fix else error.cause
