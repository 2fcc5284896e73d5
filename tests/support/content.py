"""All rows of an index, to compare two of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any


def content(db: Path) -> dict[str, list[Any]]:
    """Every row of every table except `info`, in which times differ, and `shared_pages`, which copies pages of it; and
    the entries of `info` without times."""
    with sqlite3.connect(db) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        plain = [
            name for name in tables if name not in ("info", "shared_pages", "words")
        ]  # those that `words` is kept in are there
        rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in plain}
        kept = ("complete", "corpus", "settings", "model", "telling_neuron", "rankings", "coverage")
        marks = ",".join("?" * len(kept))
        rows["info"] = sorted(connection.execute(f"SELECT key, value FROM info WHERE key IN ({marks})", kept))
        return rows
