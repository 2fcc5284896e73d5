"""What can be mended, told in one line to somebody who is in the explorer."""

from __future__ import annotations

from indexer.errors import GluscopeError

REOPEN = "ctrl+r reopens it"


def told(error: GluscopeError) -> str:
    """The cause, and what to do."""
    return f"{error.cause}: {error.fix}" if error.fix else error.cause
