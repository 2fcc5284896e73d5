"""Joins the numbers of weights that several indexes of one model keep."""

from __future__ import annotations

from collections.abc import Sequence

from ..database.bulk.arrays import ModelWeights, ModelWiring, WeightSite
from ..database.read.weights_state import HOW_TO_ADD, HOW_TO_ADD_WIRING


def joined_weights(parts: Sequence[ModelWeights], names: Sequence[str]) -> ModelWeights:
    """The weights of the sites with these names, each from the first of the indexes that has it."""
    sites = {name: part.sites[name] for part in reversed(parts) for name in names if name in part.sites}
    described: dict[str, WeightSite] = {}
    for part in parts:
        for site in part.model_sites:
            if site.name not in described or (described[site.name].reason is not None and site.reason is None):
                described[site.name] = site
    without = [name for name in names if name not in sites]
    have = [part for part in parts if part.sites]
    if not have:
        return ModelWeights(parts[0].info)
    reasons = {part.info["reason"]: None for part in have if part.info.get("reason")}
    if without:
        reasons[f"not of {_some(without)}; {HOW_TO_ADD}"] = None
    wired = [part.wiring for part in have if part.wiring is not None]
    return ModelWeights(
        info={**have[0].info, "state": "partly" if reasons else "computed", "reason": "; ".join(reasons) or None},
        model_sites=tuple(described.values()),
        sites=sites,
        spelling={token: data for part in parts for token, data in part.spelling.items()},
        folded={token: text for part in parts for token, text in part.folded.items()},
        wiring=_joined_wiring(wired, list(sites)) if wired else None,
    )


def _joined_wiring(parts: Sequence[ModelWiring], names: Sequence[str]) -> ModelWiring:
    """The wiring of the sites with these names, each from the first of the indexes that has it."""
    sites = {name: part.sites[name] for part in reversed(parts) for name in names if name in part.sites}
    have = [part for part in parts if part.sites]
    if not have:
        return parts[0]
    reasons = {part.info["reason"]: None for part in have if part.info.get("reason")}
    if without := [name for name in names if name not in sites]:
        reasons[f"not of {_some(without)}; {HOW_TO_ADD_WIRING}"] = None
    return ModelWiring({"state": "partly" if reasons else "computed", "reason": "; ".join(reasons) or None}, sites)


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} sites such as {names[0]}"
