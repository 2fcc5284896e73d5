"""Reads what an index says of itself: its sites and the table `info`."""

from __future__ import annotations

import json
import os
from typing import Any

from ...addresses import NeuronAddress, SiteAddress, parse_neuron
from ..records import IndexInfo, SiteRecord
from .connection import Connection
from .weights import weights_state

REQUIRED = ("complete", "corpus", "model", "rankings", "run", "settings", "software", "telling_neuron")
"""Keys of `info` that every index has."""


def read_info(connection: Connection) -> dict[str, Any]:
    """The table `info`, decoded; GluscopeError where it isn't what the writer wrote."""
    try:
        info = {key: json.loads(value) for key, value in connection.rows("SELECT key, value FROM info")}
    except (ValueError, TypeError) as error:
        raise connection.damaged(f"its info is no JSON: {error}") from error
    if missing := [key for key in REQUIRED if key not in info]:
        raise connection.damaged(f"its info has no {missing[0]}")
    return info


def read_sites(connection: Connection) -> tuple[SiteRecord, ...]:
    """The sites, in the order of their neurons' rows."""
    rows = connection.rows(
        "SELECT id, stack, layer, expert, shared, width, activation, tokens_counted, first_neuron, identity_error, "
        "adapter FROM sites ORDER BY first_neuron"
    )
    return tuple(
        SiteRecord(id_, SiteAddress(stack, layer, expert, bool(shared)), *others)
        for id_, stack, layer, expert, shared, *others in rows
    )


def index_info(connection: Connection, info: dict[str, Any], sites: tuple[SiteRecord, ...]) -> IndexInfo:
    """Everything an index says of itself."""
    return IndexInfo(
        path=connection.path,
        schema_version=connection.schema_version,
        complete=bool(info["complete"]),
        model=info["model"],
        corpus=info["corpus"],
        settings=info["settings"],
        software=info["software"],
        run=info["run"],
        telling_neuron=telling_neuron(info),
        sites=sites,
        neurons=sum(site.width for site in sites),
        size=os.stat(connection.path).st_size,
        coverage=info.get("coverage", {}),
        weights=weights_state(info),
    )


def telling_neuron(info: dict[str, Any]) -> NeuronAddress | None:
    """The neuron to show first; None where the index names none."""
    address = info["telling_neuron"]
    return None if address is None else parse_neuron(address)
