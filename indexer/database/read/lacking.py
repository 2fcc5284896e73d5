"""The errors for parts that an index lacks, with the command that adds each."""

from __future__ import annotations

import shlex

from ...errors import GluscopeError, MissingPart
from .connection import Connection
from .provenance import read_info
from .weights_state import HOW_TO_IMPORT, NOT_IN_DATA_SET, come_by_import, weights_state


def not_built(connection: Connection, cause: str) -> GluscopeError:
    """For what is made from the index alone."""
    return _missing(connection, cause, "gluscope search --build")


def not_computed(connection: Connection, what: str, *, has_weights: bool) -> GluscopeError:
    """For what is computed from the model. `has_weights`: whether the index has other numbers of the weights."""
    if not has_weights and come_by_import(weights_state(read_info(connection))):
        return GluscopeError(f"this index has no {what}: {NOT_IN_DATA_SET}", HOW_TO_IMPORT)
    why = "an older gluscope computed its weights" if has_weights else "nothing of the model's weights is in it"
    return _missing(connection, f"this index has no {what}: {why}", "gluscope index --weights-only MODEL")


def _missing(connection: Connection, cause: str, command: str) -> GluscopeError:
    if connection.remote is not None:
        return GluscopeError(cause, f"its owner can add it: {command} --db FILE")
    return MissingPart(cause, f"{command} --db {shlex.quote(connection.path)}")
