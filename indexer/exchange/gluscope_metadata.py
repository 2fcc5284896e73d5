"""What an activation data set that gluscope wrote says of itself: model, tokens and activation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..library_errors import told

_KEY = b"gluscope"


def metadata(model: str, tokens: int, activation: str) -> dict[bytes, bytes]:
    """What stands beside the columns. GLUScope's own files have nothing of it."""
    return {_KEY: json.dumps({"format": 1, "model": model, "tokens": tokens, "activation": activation}).encode()}


def read_metadata(file: Path) -> dict[str, Any]:
    """What a file says; empty if gluscope did not write it. GluscopeError if it is not Parquet."""
    with told(f"{file} can't be read as Parquet", "name the Parquet files of the data set"):
        found = (pq.read_schema(file).metadata or {}).get(_KEY, b"{}")
    try:
        value = json.loads(found)
    except ValueError:
        return {}
    kinds = {"model": str, "tokens": int, "activation": str}
    return {key: value[key] for key, kind in kinds.items() if isinstance(value, dict) and type(value.get(key)) is kind}
