"""What an activation data set that gluscope wrote says of itself: its model and how that read the text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..library_errors import told

_KEY = b"gluscope"
_KINDS = {
    "model": str,
    "tokens": int,
    "activation": str,
    "fingerprint": str,
    "dtype": str,
    "settings": dict,
    "sinks": dict,
    "complete": bool,
}


def metadata(model: str, tokens: int, activation: str, more: Mapping[str, Any]) -> dict[bytes, bytes]:
    """What stands beside the columns. GLUScope's own files have nothing of it. `more`: the fingerprint and dtype of the
    weights, and the settings of the index, as far as it says."""
    told_of = {"format": 1, "model": model, "tokens": tokens, "activation": activation, **more}
    return {_KEY: json.dumps(told_of).encode()}


def read_metadata(file: Path) -> dict[str, Any]:
    """What a file says; empty if gluscope did not write it. GluscopeError if it is not Parquet."""
    with told(f"{file} can't be read as Parquet", "name the Parquet files of the data set"):
        found = (pq.read_schema(file).metadata or {}).get(_KEY, b"{}")
    try:
        value = json.loads(found)
    except ValueError:
        return {}
    return {key: value[key] for key, kind in _KINDS.items() if isinstance(value, dict) and type(value.get(key)) is kind}
