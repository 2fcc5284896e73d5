"""Part 6: numbers from the weights, against those of the CPU, and the time they take at the shape of an 8B."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from indexer.database.bulk.arrays import ModelWeights
from indexer.models.loaded import LoadedModel
from indexer.progress import Progress
from indexer.sites import find_sites
from indexer.weights.compute import model_weights

from .kit import Kit
from .making import parameters_bytes, random_model, shape

_SMALL = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}


def run(kit: Kit) -> None:
    for dtype in (torch.bfloat16,) if kit.small else (torch.float32, torch.bfloat16):
        for kind in ("8b",) if kit.small else ("8b", "mixtral"):
            with kit.case(f"{'dense' if kind == '8b' else 'experts'} {str(dtype).removeprefix('torch.')}") as figures:
                figures |= _beside_the_cpu(kit, kind, dtype)
    small = {**_SMALL, "vocab_size": 2000} if kit.small else {}
    if kit.room("Llama-3.1-8B", 20 if not kit.small else 1):
        with kit.case("Llama-3.1-8B bfloat16") as figures:
            figures |= _timed(kit, small)


def _beside_the_cpu(kit: Kit, kind: str, dtype: torch.dtype) -> dict[str, Any]:
    """Compare the same small model on the CPU and on the device."""
    config = shape(kind, layers=2, **{**_SMALL, "vocab_size": 1500})
    here = random_model(config, "small", "cpu", dtype)
    there = random_model(config, "small", kit.device, dtype)
    there.model.load_state_dict(here.model.state_dict())
    one, other = (model_weights(each, _names(each), lambda _: None) for each in (here, there))
    apart = _apart(one, other)
    return {"passed": all(value <= limit for value, limit in apart.values()), **{k: v for k, (v, _) in apart.items()}}


def _apart(one: ModelWeights, other: ModelWeights) -> dict[str, tuple[float, float]]:
    """The difference between two models' weights, and the allowed difference."""
    found = {"cosines": 0.0, "norms": 0.0, "scores": 0.0, "neighbours": 0.0, "wiring": 0.0, "tokens_differ": 0.0}
    lists = places = 0
    for name, mine in one.sites.items():
        theirs = other.sites[name]
        for key, a, b in (
            ("cosines", mine.cosines, theirs.cosines),
            ("norms", mine.norms / mine.norms.max(), theirs.norms / mine.norms.max()),
            ("scores", mine.scores, theirs.scores),
            ("neighbours", mine.neighbour_cosines, theirs.neighbour_cosines),
            ("wiring", _wires(one, name), _wires(other, name)),
        ):
            if not np.array_equal(np.isnan(a), np.isnan(b)):
                found[key] = float("inf")
            elif a.size:
                found[key] = max(found[key], float(np.nanmax(np.abs(a - b), initial=0.0)))
        places += mine.tokens.size
        lists += int((mine.tokens != theirs.tokens).sum())
    found["tokens_differ"] = lists / max(1, places)
    limits = {"cosines": 1e-5, "norms": 1e-5, "scores": 2e-3, "neighbours": 1e-4, "wiring": 1e-4, "tokens_differ": 0.02}
    if one.info != other.info:
        found["neighbours"] = float("inf")
    return {name: (float(f"{value:.3g}"), limits[name]) for name, value in found.items()}


def _wires(weights: ModelWeights, site: str) -> Any:
    """The magnitudes of the cosines in the lists of wiring of a site, NaN where there is no neuron."""
    assert weights.wiring is not None
    return np.abs(weights.wiring.sites[site].cosines)


def _names(loaded: LoadedModel) -> list[str]:
    return [site.address.name for site in find_sites(loaded.model)]


def _timed(kit: Kit, small: dict[str, Any]) -> dict[str, Any]:
    loaded = random_model(shape("8b", layers=2 if kit.small else 32, **small), "8B", kit.device, torch.bfloat16)
    if kit.cuda:
        torch.cuda.reset_peak_memory_stats()
    began = time.monotonic()
    stages: dict[str, float] = {}
    told = [began]

    def tell(progress: Progress) -> None:
        now = time.monotonic()
        stages[progress.message] = round(stages.get(progress.message, 0.0) + now - told[0], 2)
        told[0] = now
        if now - said[0] > 3:
            said[0] = now
            kit.say(f"{progress.message} {progress.done:,} of {progress.total or 0:,}")

    said = [began]
    made = model_weights(loaded, _names(loaded), tell)
    figures: dict[str, Any] = {
        "total_s": round(time.monotonic() - began, 2),
        "stages_s": stages,
        "neurons": sum(len(site.classes) for site in made.sites.values()),
        "state": made.info["state"],
        "passed": made.info["state"] == "computed",
    }
    if made.info.get("reason"):
        figures["reason"] = made.info["reason"]
    if kit.cuda:
        figures["model_gb"] = round(parameters_bytes(loaded) / 1e9, 2)
        figures["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return figures
