"""The cosines between the vectors of two neurons, norm gains folded in."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from ..addresses import NeuronAddress, SiteAddress
from ..errors import GluscopeError
from ..models.loaded import LoadedModel
from ..sites import find_sites
from .norms import find_norms
from .vectors import SiteVectors, Vectors, site_vectors

ALIKE = (("gate", "gate"), ("in", "in"), ("out", "out"))
FEEDS = (("out", "gate"), ("out", "in"))
"""What an earlier layer's neuron writes, with what a later one reads."""


@torch.inference_mode()
def vectors_of(loaded: LoadedModel) -> Mapping[SiteAddress, SiteVectors]:
    """The vectors of a model, by site. Runs the model on a few tokens."""
    every = find_sites(loaded.model)
    return {found.site.address: found for found in site_vectors(every, find_norms(loaded, every))}


@torch.inference_mode()
def cosines_between(
    sites: Mapping[SiteAddress, SiteVectors], one: NeuronAddress, other: NeuronAddress
) -> dict[tuple[str, str], float | None]:
    """The cosines of a vector of `one` with a vector of `other`, by the names of both; raw signs.

    Like vectors come first, then what the neuron of the earlier layer writes with what the other reads; neurons of one
    layer don't feed each other. None if a vector is zero. GluscopeError if the vectors can't be had, or are of two
    stacks.
    """
    if one.site.stack != other.site.stack:
        raise GluscopeError(
            f"{one} and {other} are of two stacks, each with vectors of its own space", "compare neurons of one stack"
        )
    first, second = (_vectors(sites[neuron.site], neuron) for neuron in (one, other))
    pairs = list(ALIKE)
    if one.site.layer != other.site.layer:
        earlier = one.site.layer < other.site.layer
        pairs += [(writes, reads) if earlier else (reads, writes) for writes, reads in FEEDS]
    found = {(a, b): _cosine(_named(first, a), _named(second, b)) for a, b in pairs}
    if any(cosine is not None and not math.isfinite(cosine) for cosine in found.values()):
        raise GluscopeError(f"the weights of {one} or {other} are not finite numbers")
    return found


def _vectors(site: SiteVectors, neuron: NeuronAddress) -> Vectors:
    if site.reason is not None:
        raise GluscopeError(f"the vectors of {neuron} can't be had: {site.reason}")
    return site.some([neuron.index])


def _named(vectors: Vectors, name: str) -> torch.Tensor:
    found: torch.Tensor = {"gate": vectors.gate, "in": vectors.in_, "out": vectors.out}[name][0]
    return found


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float | None:
    """The cosine of two vectors, in float64 on the CPU."""
    a, b = one.cpu().double(), other.cpu().double()
    lengths = float(a.norm() * b.norm())
    return float(a @ b) / lengths if lengths else None
