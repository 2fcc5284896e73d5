"""Writes wiring into an index and reads it back, as arrays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ..format.kinds import ADDRESS, BLOB, SHARE
from ..read.connection import Connection
from ..read.inflate import DamagedValue
from ..read.weights_state import wiring_state
from ..records import WIRING_LISTS, SiteRecord
from .arrays import ModelWiring, WiringArrays
from .renewing import renew
from .wiring_packing import pack_wiring, unpack_site

WIRING_TABLES = ("wiring", "wiring_sites")


def insert_wiring(sqlite: sqlite3.Connection, wiring: ModelWiring, first_neuron: Mapping[str, int]) -> None:
    """Insert the rows of the neurons of those sites that the index has. `first_neuron`: neurons.id of each site's
    index 0, by name."""
    for name, site in wiring.sites.items():
        if name in first_neuron:
            sqlite.execute("INSERT INTO wiring_sites VALUES (?, ?, ?, ?, ?)", (name, *site.bands))
            rows = enumerate(pack_wiring(site), first_neuron[name])
            sqlite.executemany("INSERT INTO wiring VALUES (?, ?)", rows)


def replace_wiring(sqlite: sqlite3.Connection, wiring: ModelWiring, first_neuron: Mapping[str, int]) -> None:
    """Put wiring into a finished index that has weights, and the tables if it is an older one."""
    with sqlite:
        renew(sqlite, WIRING_TABLES)
        insert_wiring(sqlite, wiring, first_neuron)
        say(sqlite, {"wiring": dict(wiring.info)})


def say(sqlite: sqlite3.Connection, info: Mapping[str, Any]) -> None:
    """Put keys into the table `info`, in place of older ones."""
    sqlite.executemany("INSERT OR REPLACE INTO info VALUES (?, ?)", ((key, json.dumps(info[key])) for key in info))


def read_wiring(connection: Connection, info: Mapping[str, Any], sites: Sequence[SiteRecord]) -> ModelWiring | None:
    """The wiring that an index keeps; None for an older one, which says nothing of it."""
    if "wiring" not in info or not connection.tables.issuperset(WIRING_TABLES):
        return None
    columns = ", ".join(f"band_{name}" for name in WIRING_LISTS)
    kinds = (ADDRESS, *[SHARE.or_null] * len(WIRING_LISTS))
    bands = {name: tuple(own) for name, *own in connection.rows(f"SELECT name, {columns} FROM wiring_sites", kinds)}
    found = {}
    for site in sites:
        rows = connection.rows(
            "SELECT lists FROM wiring WHERE neuron >= ? AND neuron < ? ORDER BY neuron",
            (BLOB,),
            (site.first_neuron, site.first_neuron + site.width),
        )
        if not rows:
            continue
        if len(rows) != site.width or site.address.name not in bands:
            raise connection.damaged(f"{site.address} has wiring of {len(rows)} of {site.width} neurons")
        try:
            lists = unpack_site([blob for (blob,) in rows])
        except DamagedValue as error:
            raise connection.damaged(f"{site.address}: {error}") from error
        found[site.address.name] = WiringArrays(*lists, bands[site.address.name])
    return ModelWiring(wiring_state(info), found)
