"""Reads the provenance of an index: its sites and the table `info`."""

from __future__ import annotations

from typing import Any

from ...addresses import NeuronAddress, SiteAddress, parse_neuron
from ...errors import GluscopeError
from ..format.kinds import ADDRESS, COUNT, FLAG, LONG_TEXT, REAL, STACK, TEXT
from ..format.sinks import Sinks
from ..records import IndexInfo, SiteRecord
from .connection import Connection
from .shapes import parse, wrong_key
from .weights_state import weights_state, wiring_state

REQUIRED = ("complete", "corpus", "model", "rankings", "run", "settings", "software", "telling_neuron")
"""Keys of `info` that every index has."""


_MOST_KEYS = 1000  # of info


def read_info(connection: Connection) -> dict[str, Any]:
    """The table `info`, decoded; GluscopeError if the writer can't have written it."""
    rows = connection.rows(f"SELECT key, value FROM info LIMIT {_MOST_KEYS}", (TEXT, LONG_TEXT))
    try:
        info = {key: parse(value) for key, value in rows}
    except ValueError as error:
        raise connection.damaged(f"its info is not JSON: {error}") from error
    if missing := [key for key in REQUIRED if key not in info]:
        raise connection.damaged(f"its info has no {missing[0]}")
    if wrong := wrong_key(info):
        raise connection.damaged(f"{wrong} in its info is not what gluscope writes")
    return info


def read_sites(connection: Connection) -> tuple[SiteRecord, ...]:
    """The sites, in the order of their neurons' rows."""
    rows = connection.rows(
        "SELECT id, stack, layer, expert, shared, width, activation, tokens_counted, first_neuron, identity_error, "
        "adapter, name FROM sites ORDER BY first_neuron",
        (COUNT, STACK, COUNT, COUNT.or_null, FLAG, COUNT, TEXT, COUNT, COUNT, REAL.or_null, TEXT, ADDRESS),
    )
    found = []
    first = 0
    for id_, stack, layer, expert, shared, width, *others, name in rows:
        site = SiteRecord(id_, SiteAddress(stack, layer, expert, bool(shared)), width, *others)
        if site.address.name != name:
            raise connection.damaged(f"the site {site.address} has another name")
        if site.first_neuron != first:
            raise connection.damaged(f"the neurons of {site.address} don't follow those of the site before")
        first += width
        found.append(site)
    last = connection.rows("SELECT max(id) FROM neurons", (COUNT.or_null,))[0][0]
    if first != (0 if last is None else last + 1):
        raise connection.damaged(f"its sites have {first:,} neurons, the table of neurons another number")
    return tuple(found)


def index_info(connection: Connection, info: dict[str, Any], sites: tuple[SiteRecord, ...]) -> IndexInfo:
    """The whole provenance of an index."""
    return IndexInfo(
        path=connection.name,
        schema_version=connection.schema_version,
        complete=bool(info["complete"]),
        model=info["model"],
        corpus=info["corpus"],
        settings=info["settings"],
        software=info["software"],
        run=info["run"],
        telling_neuron=telling_neuron(connection, info),
        sites=sites,
        neurons=sum(site.width for site in sites),
        size=connection.size,
        coverage=info.get("coverage", {}),
        weights=weights_state(info),
        wiring=wiring_state(info),
        sinks=Sinks.from_json(info.get("sinks", {})),
    )


def telling_neuron(connection: Connection, info: dict[str, Any]) -> NeuronAddress | None:
    """The neuron to show first; None if the index names none."""
    address = info["telling_neuron"]
    try:
        return None if address is None else parse_neuron(address)
    except GluscopeError as error:
        raise connection.damaged("its telling neuron is not an address") from error
