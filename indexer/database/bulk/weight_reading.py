"""Reads the numbers of weights in an index back, as the arrays that its writer was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..format.classes import RW_CLASS
from ..format.kinds import ADDRESS, BLOB, COSINE, COUNT, LONG_TEXT, SHARE, SINGLE, TEXT, TOKEN
from ..read.connection import Connection
from ..read.inflate import DamagedValue
from ..read.weights_state import weights_state
from ..records import SiteRecord
from .arrays import VOCABULARY, Float32, ModelWeights, WeightArrays, WeightSite
from .weight_packing import unpack_site
from .wiring_storage import read_wiring

_TOGETHER = 500  # tokens a query


def read_weights(connection: Connection, info: Mapping[str, Any], sites: Sequence[SiteRecord]) -> ModelWeights:
    """The numbers of weights that an index keeps; empty if it has none."""
    state = weights_state(info)
    if state["state"] == "missing":
        return ModelWeights(state)
    arrays = {site.address.name: found for site in sites if (found := read_site(connection, site)) is not None}
    used = np.unique(np.concatenate([np.unique(found.tokens) for found in arrays.values()]))
    spelling = _spelling(connection, used[used >= 0].tolist())
    return ModelWeights(
        state, _model_sites(connection), arrays, spelling, _folded(connection), read_wiring(connection, info, sites)
    )


def _model_sites(connection: Connection) -> tuple[WeightSite, ...]:
    rows = connection.rows(
        "SELECT name, width, first_neuron, norm_before, norm_after, band_gate_in, band_in_out, band_gate_out, reason "
        "FROM weight_sites ORDER BY first_neuron",
        (ADDRESS, COUNT, COUNT, TEXT.or_null, TEXT.or_null, *[SHARE.or_null] * 3, TEXT.or_null),
    )
    return tuple(
        WeightSite(name, width, first, before, after, (gate_in, in_out, gate_out), reason)
        for name, width, first, before, after, gate_in, in_out, gate_out, reason in rows
    )


def read_site(connection: Connection, site: SiteRecord) -> WeightArrays | None:
    """The numbers of the weights of a site's neurons; None if the index has none."""
    rows = connection.rows(
        "SELECT w.cos_gate_in, w.cos_in_out, w.cos_gate_out, w.norm_gate, w.norm_in, w.norm_out, w.rw_class, l.lists "
        "FROM weights AS w JOIN weight_lists AS l ON l.neuron = w.neuron WHERE w.neuron >= ? AND w.neuron < ? "
        "ORDER BY w.neuron",
        (*[COSINE.or_null] * 3, *[SINGLE] * 3, RW_CLASS.or_null, BLOB),
        (site.first_neuron, site.first_neuron + site.width),
    )
    if not rows:
        return None
    if len(rows) != site.width:
        raise connection.damaged(f"{site.address} has weights of {len(rows)} of {site.width} neurons")
    *numbers, classes, blobs = zip(*rows, strict=True)
    try:
        lists = unpack_site(blobs)
    except DamagedValue as error:
        raise connection.damaged(f"{site.address}: {error}") from error
    values = np.array(numbers, dtype=np.float64).astype(np.float32)  # None becomes NaN
    return WeightArrays(values[:3], values[3:], classes, *lists, _vocabulary(connection, site))


def _vocabulary(connection: Connection, site: SiteRecord) -> Float32 | None:
    if "vocabulary_scores" not in connection.tables:
        return None
    rows = connection.rows(
        f"SELECT {', '.join(VOCABULARY)} FROM vocabulary_scores WHERE neuron >= ? AND neuron < ? ORDER BY neuron",
        (*[SINGLE.or_null] * (len(VOCABULARY) - 1), SHARE.or_null),
        (site.first_neuron, site.first_neuron + site.width),
    )
    if not rows:
        return None
    if len(rows) != site.width:
        raise connection.damaged(f"{site.address} has scores over the vocabulary of {len(rows)} of its neurons")
    found: Float32 = np.array(rows, dtype=np.float64).astype(np.float32).T.copy()
    return found


def _folded(connection: Connection) -> dict[int, str]:
    if "token_texts" not in connection.tables:
        return {}
    return dict(connection.rows("SELECT token, folded FROM token_texts", (COUNT, LONG_TEXT)))


def _spelling(connection: Connection, tokens: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for start in range(0, len(tokens), _TOGETHER):
        group = tokens[start : start + _TOGETHER]
        marks = ",".join("?" * len(group))
        found.update(connection.rows(f"SELECT id, bytes FROM tokens WHERE id IN ({marks})", (COUNT, TOKEN), group))
    return found
