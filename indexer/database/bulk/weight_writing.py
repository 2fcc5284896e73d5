"""Writes the numbers of weights into an index, while it is made or after it is finished."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..format.schema import statement
from .arrays import ModelWeights, WeightArrays
from .weight_packing import pack_lists

_TABLES = ("weights", "weight_lists", "weight_sites")
_VIEWS = ("neuron_raw", "neuron_aligned")


def insert_weights(sqlite: sqlite3.Connection, weights: ModelWeights, first_neuron: Mapping[str, int]) -> None:
    """Insert the rows of the neurons of those sites that the index has. `first_neuron`: neurons.id of each site's
    index 0, by name."""
    sqlite.executemany(
        "INSERT INTO weight_sites VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (s.name, s.width, s.first_neuron, s.norm_before, s.norm_after, *s.bands, s.reason)
            for s in weights.model_sites
        ),
    )
    for name, site in weights.sites.items():
        if name not in first_neuron:
            continue
        sqlite.executemany("INSERT INTO weights VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(site, first_neuron[name]))
        sqlite.executemany(
            "INSERT INTO weight_lists VALUES (?, ?)",
            ((first_neuron[name] + index, blob) for index, blob in enumerate(pack_lists(site))),
        )


def token_row(token: int, data: bytes) -> tuple[int, bytes, str]:
    """The row of a token in the table `tokens`."""
    return token, data, data.decode(errors="replace")


def replace_weights(sqlite: sqlite3.Connection, weights: ModelWeights, first_neuron: Mapping[str, int]) -> None:
    """Put weights into a finished index that has none or others, and the tables and views if it is an older one."""
    with sqlite:
        for view in reversed(_VIEWS):
            sqlite.execute(f"DROP VIEW IF EXISTS {view}")
        for table in _TABLES:
            sqlite.execute(f"DROP TABLE IF EXISTS {table}")
        for name in (*_TABLES, *_VIEWS):
            sqlite.execute(statement(name))
        insert_weights(sqlite, weights, first_neuron)
        sqlite.executemany(
            "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?)", (token_row(*item) for item in weights.spelling.items())
        )
        sqlite.execute("INSERT OR REPLACE INTO info VALUES ('weights', ?)", (json.dumps(dict(weights.info)),))


def _rows(site: WeightArrays, first: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `weights`."""
    cosines = ([None if math.isnan(value) else value + 0.0 for value in kind] for kind in site.cosines.tolist())
    width = len(site.classes)
    return zip(range(first, first + width), *cosines, *site.norms.tolist(), site.classes, strict=True)
