"""The errors for parts that an index lacks, with the command that adds each."""

from __future__ import annotations

import shlex

from ...errors import GluscopeError, MissingPart
from .connection import Connection


def not_built(connection: Connection, cause: str) -> GluscopeError:
    """For what is made from the index alone."""
    return _missing(connection, cause, "gluscope search --build")


def not_computed(connection: Connection, what: str, *, has_weights: bool) -> GluscopeError:
    """For what is computed from the model. `has_weights`: whether the index has other numbers of the weights."""
    why = "an older gluscope computed its weights" if has_weights else "nothing of the model's weights is in it"
    return _missing(connection, f"this index has no {what}: {why}", "gluscope index --weights-only MODEL")


def _missing(connection: Connection, cause: str, command: str) -> GluscopeError:
    if connection.remote is not None:
        return GluscopeError(cause, f"its owner can add it: {command} --db FILE")
    return MissingPart(cause, f"{command} --db {shlex.quote(connection.path)}")
