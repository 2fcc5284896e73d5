"""The wiring of a model's neurons: who feeds them and whom they feed, the bands of chance, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..database.bulk.arrays import ModelWiring, WiringArrays
from ..database.read.weights_state import HOW_TO_ADD_WIRING
from ..models.loaded import LoadedModel
from ..progress import Meter, Progress, Report
from ..sites import find_sites
from .cosines import BAND
from .neighbours import MOST_COMPARED, flips
from .norms import find_norms
from .vectors import SiteVectors, site_vectors
from .wiring import READ, Stack, stacks, wires

_PAIRED = 64  # neurons of a layer, evenly spaced, that are paired with those of others

Bands = tuple[float | None, ...]
"""For each list of a neuron, the magnitude that BAND of the cosines of pairs don't exceed; None without pairs."""


def left_out() -> ModelWiring:
    """None, since it was not asked for."""
    return ModelWiring({"state": "missing", "reason": f"left out; {HOW_TO_ADD_WIRING}"})


@torch.inference_mode()
def model_wiring(loaded: LoadedModel, indexed: Iterable[str], report: Report) -> ModelWiring:
    """The wiring of the sites named `indexed`, among all neurons of the model."""
    report(Progress("weights", message="looking at the weights"))
    every = find_sites(loaded.model)
    return wiring_of(site_vectors(every, find_norms(loaded, every)), indexed, report)


def wiring_of(vectors: Sequence[SiteVectors], indexed: Iterable[str], report: Report) -> ModelWiring:
    """The wiring of the sites named `indexed`, given all sites of the model in order.

    Besides the model, memory holds a table of at most 0.75 GiB, blocks of bounded size, and the results, 384 bytes for
    each neuron.
    """
    total = sum(one.site.width for one in vectors)
    if total > MOST_COMPARED:
        reason = f"the model has {total:,} neurons, more than are compared"
        return ModelWiring({"state": "missing", "reason": reason})
    readable = [one for one in vectors if one.reason is None]
    found = stacks(readable, indexed)
    first_neuron = dict(_numbered(vectors))
    flipped = flips(readable)
    meter = Meter(report, "weights")
    wanted = sum(one.site.width for stack in found for one in stack.sites if one.site.address.name in stack.names)
    pairs = len(READ) * sum(stack.pairs for stack in found)
    so_far = 0

    def done(count: int) -> None:
        nonlocal so_far
        so_far += count
        meter.update(wanted * so_far // pairs, wanted, "comparing what neurons write and read")

    sites: dict[str, WiringArrays] = {}
    for stack in found:
        bands = _bands(stack)
        for name, lists in wires(stack, first_neuron, flipped, done).items():
            layer = next(one.site.address.layer for one in stack.sites if one.site.address.name == name)
            sites[name] = WiringArrays(lists.neurons, lists.cosines, bands[layer])
    unread = _reason([one.site.address.name for one in vectors if one.reason is not None])
    return ModelWiring({"state": "partly" if unread else "computed", "reason": unread}, sites)


def _numbered(vectors: Sequence[SiteVectors]) -> Iterator[tuple[str, int]]:
    """The number in the model of each site's index 0."""
    first = 0
    for one in vectors:
        yield one.site.address.name, first
        first += one.site.width


def _reason(unread: Sequence[str]) -> str | None:
    """What is missing, if some sites have no vectors."""
    if not unread:
        return None
    more = f" and {len(unread) - 1} more sites" if len(unread) > 1 else ""
    return f"the neurons of {unread[0]}{more} are in no list: their vectors are not known"


def _bands(stack: Stack) -> dict[int, Bands]:
    """The bands of each layer: of pairs of some of its neurons and some of the layers that feed it or that it feeds."""
    layers: dict[int, list[SiteVectors]] = {}
    for one in stack.sites:
        layers.setdefault(one.site.address.layer, []).append(one)
    spread = {layer: _spread(sites) for layer, sites in layers.items()}
    found = {}
    for layer, own in spread.items():
        lower = [other["out"] for number, other in spread.items() if number < layer]
        higher = [other for number, other in spread.items() if number > layer]
        fed = (_band(own[which], lower) for which in READ)
        feeds = (_band(own["out"], [other[which] for other in higher]) for which in READ)
        found[layer] = (*fed, *feeds)
    return found


def _spread(sites: Sequence[SiteVectors]) -> Mapping[str, Tensor]:
    """The vectors with length 1 of some neurons of a layer, evenly spaced, by their name; none that is zero."""
    total = sum(one.site.width for one in sites)
    chosen = np.unique(np.arange(_PAIRED) * total // _PAIRED)
    parts: dict[str, list[Tensor]] = {"gate": [], "in": [], "out": []}
    start = 0
    for one in sites:
        inside = chosen[(chosen >= start) & (chosen < start + one.site.width)] - start
        start += one.site.width
        if len(inside):
            for name, vectors in zip(parts, one.some(inside.tolist()), strict=True):
                parts[name].append(normalize(vectors, dim=1).cpu())
    return {name: (joined := torch.cat(found))[joined.any(dim=1)] for name, found in parts.items()}


def _band(own: Tensor, others: Sequence[Tensor]) -> float | None:
    """The magnitude that BAND of the cosines of each with each don't exceed (# ... d_model)."""
    if not others:
        return None
    magnitudes = (own @ torch.cat(list(others)).T).abs().numpy()
    return float(np.quantile(magnitudes, BAND)) if magnitudes.size else None
