"""Whether a model is the one that made an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import GluscopeError
from ..models.loaded import LoadedModel


def demand_same_weights(loaded: LoadedModel, named: str, made: Mapping[str, Any], db: object) -> None:
    """GluscopeError, with both fingerprints, if other weights than those of `loaded` made an index.

    `named`: what the user called the model; `made`: the facts about the index's model, `db`: the index's path.
    """
    fingerprint, name = made.get("fingerprint"), made["name"]
    if loaded.fingerprint == fingerprint:
        return
    if fingerprint is None:
        raise GluscopeError(
            f"{db} doesn't say which weights made it, so {named} can't be told to be its model",
            "make an index of the model with gluscope index",
        )
    raise GluscopeError(
        f"{named} has other weights ({loaded.fingerprint}) than {name} ({fingerprint}), which made {db}",
        f"name {name}, which made the index, or another index with --db",
    )
