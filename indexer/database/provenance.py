"""Reads what an index says of itself: its sites and the table `info`."""

from __future__ import annotations

import json
import os
from typing import Any

from ..addresses import NeuronAddress, SiteAddress, parse_neuron
from ..errors import GluscopeError
from .connection import Connection
from .records import IndexInfo, SiteRecord
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


def find_site(sites: tuple[SiteRecord, ...], info: dict[str, Any], address: SiteAddress) -> SiteRecord:
    """The site of an address; GluscopeError that says what there is otherwise."""
    for site in sites:
        if site.address == address:
            return site
    if not sites:
        raise GluscopeError("this index holds no site", "make it anew with gluscope index")
    nearest = min(sites, key=lambda site: _distance(site.address, address)).address
    layers = info["model"].get("layers")
    stacks = {site.address.stack for site in sites}
    if address.stack not in stacks:
        names = ", ".join(sorted(f"{stack}.L0" if stack else "L0" for stack in stacks))
        raise GluscopeError(f"there is no {address}: this model's sites are written like {names}", f"try {nearest}")
    indexed = {site.address.layer for site in sites if site.address.stack == address.stack}
    if isinstance(layers, int) and address.layer >= layers:
        raise GluscopeError(f"there is no {address}: {_model(info)} has layers 0 to {layers - 1}", f"try {nearest}")
    if address.layer in indexed:
        raise GluscopeError(f"layer {address.layer} has no site {address}", f"try {nearest}")
    raise GluscopeError(
        f"layer {address.layer} was not indexed, only {_ranges(indexed)}",
        f"try {nearest}, or index it too with --layers",
    )


def check_neuron(site: SiteRecord, index: int) -> None:
    """GluscopeError where a site hasn't as many neurons."""
    if not 0 <= index < site.width:
        raise GluscopeError(
            f"there is no {NeuronAddress(site.address, index)}: {site.address} has neurons 0 to {site.width - 1}",
            f"try {NeuronAddress(site.address, site.width - 1)}",
        )


def _model(info: dict[str, Any]) -> str:
    return str(info["model"].get("name", "this model"))


def _distance(one: SiteAddress, other: SiteAddress) -> tuple[int, int, int, int]:
    return (
        int(one.stack != other.stack),
        abs(one.layer - other.layer),
        int(one.shared != other.shared),
        abs((-1 if one.expert is None else one.expert) - (-1 if other.expert is None else other.expert)),
    )


def _ranges(layers: set[int]) -> str:
    """Layers as --layers takes them: 0-3,7."""
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
