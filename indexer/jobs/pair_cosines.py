"""The cosines between the vectors of two neurons, from the weights of the model that made an index."""

from __future__ import annotations

import torch

from ..addresses import NeuronAddress
from ..database.records import IndexInfo
from ..errors import GluscopeError
from ..live.model import Choice, open_model
from ..progress import Report
from ..sites import find_sites
from ..weights.norms import find_norms
from ..weights.vectors import SiteVectors, Vectors, site_vectors

ALIKE = (("gate", "gate"), ("in", "in"), ("out", "out"))
FEEDS = (("out", "gate"), ("out", "in"))
"""What an earlier layer's neuron writes, with what a later one reads."""


@torch.inference_mode()
def pair_cosines(
    info: IndexInfo, choice: Choice, one: NeuronAddress, other: NeuronAddress, report: Report
) -> dict[tuple[str, str], float | None]:
    """The cosines of a vector of `one` with a vector of `other`, by the names of both; raw signs, norm gains folded in.

    Like vectors come first, then what the neuron of the earlier layer writes with what the other reads; neurons of one
    layer don't feed each other. None if a vector is zero. GluscopeError if it is another model than the index's, or if
    its vectors can't be had.
    """
    loaded = open_model(info, choice, report).loaded
    every = find_sites(loaded.model)
    sites = {found.site.address: found for found in site_vectors(every, find_norms(loaded, every))}
    first, second = (_vectors(sites[neuron.site], neuron) for neuron in (one, other))
    if first.gate.shape != second.gate.shape:
        raise GluscopeError(f"{one} and {other} read vectors of different lengths", "compare neurons of one stack")
    pairs = list(ALIKE)
    if one.site.stack == other.site.stack and one.site.layer != other.site.layer:
        earlier = one.site.layer < other.site.layer
        pairs += [(writes, reads) if earlier else (reads, writes) for writes, reads in FEEDS]
    return {(a, b): _cosine(_named(first, a), _named(second, b)) for a, b in pairs}


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
