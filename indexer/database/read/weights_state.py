"""Whether an index has numbers of the weights and wiring, and how to add them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOW_TO_ADD = "gluscope index --weights-only MODEL --db FILE adds them"
MISSING = {"state": "missing", "reason": f"made by an older gluscope; {HOW_TO_ADD}"}
"""The value of `weights` for an older index, which has none."""

NOT_IN_DATA_SET = "not in the data set that it was imported from"
HOW_TO_IMPORT = "gluscope import --model brings them"
IMPORTED = {"state": "missing", "reason": f"{NOT_IN_DATA_SET}; {HOW_TO_IMPORT}"}
"""The value of `weights` for an index that was imported without its model."""

HOW_TO_ADD_WIRING = HOW_TO_ADD.removesuffix("them") + "it"
NO_WIRING = {"state": "missing", "reason": f"made by an older gluscope; {HOW_TO_ADD_WIRING}"}
"""The value of `wiring` for an older index, which has none."""


def weights_state(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of an index's weights: `state` is computed, partly or missing, with a `reason` unless computed."""
    lacking = IMPORTED if info.get("imported", {}).get("missing") else MISSING
    found: Mapping[str, Any] = info.get("weights", lacking)
    return found


def come_by_import(state: Mapping[str, Any]) -> bool:
    """Whether the weights whose state this is can only come with another import of the index."""
    return state == IMPORTED


def wiring_state(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of its wiring; that of its weights if these are missing."""
    weights = weights_state(info)
    found: Mapping[str, Any] = info.get("wiring", NO_WIRING)
    return weights if weights["state"] == "missing" else found


def can_be_added(wiring: Mapping[str, Any]) -> bool:
    """Whether some of the wiring whose state this is, is missing although it can be computed."""
    return wiring["state"] != "computed" and HOW_TO_ADD_WIRING in str(wiring.get("reason"))
