"""The errors for parts that an index lacks, with the command that adds each."""

from __future__ import annotations

import shlex

from ...errors import MissingPart
from .connection import Connection


def not_built(connection: Connection, cause: str) -> MissingPart:
    """For what is made from the index alone."""
    return MissingPart(cause, f"gluscope search --build --db {shlex.quote(connection.path)}")


def not_computed(connection: Connection, what: str, *, has_weights: bool) -> MissingPart:
    """For what is computed from the model. `has_weights`: whether the index has other numbers of the weights."""
    why = "an older gluscope computed its weights" if has_weights else "nothing of the model's weights is in it"
    command = f"gluscope index --weights-only MODEL --db {shlex.quote(connection.path)}"
    return MissingPart(f"this index has no {what}: {why}", command)
