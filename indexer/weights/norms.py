"""Finds the norms before and after each gated MLP, and the last one, by their values in a short run.

A norm feeds the MLP if its output is the MLP's input, bit for bit. It follows the MLP if its input is the MLP's output.
The final norm's output is the model's. A gain is accepted only if it explains the norm's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.loaded import LoadedModel
from ..sites import Site
from ..sites.experts import ExpertSite
from .norm_form import NO_NORM, Norm, explained
from .passages import Passage, Trace
from .reach import AS_IT_IS, Reach, find_reach

_ROUNDING = 1.6e-2  # relative, of bfloat16

__all__ = ["NO_NORM", "Norm", "Norms", "SiteNorms", "find_norms"]


@dataclass(frozen=True, slots=True)
class SiteNorms:
    """The norms around a gated MLP; None if it is unclear which they are, or what they do."""

    before: Norm | None
    after: Norm | None
    inner: Norm | None = NO_NORM  # between post and the down projection
    reach: Reach = AS_IT_IS  # of what it writes, in the residual stream
    end: tuple[nn.Module, nn.Module] | None = None  # the layer, and the module in it whose output that is
    inside: float | None = 1.0  # a constant that multiplies what it writes before the norm after it; None: unknown


@dataclass(frozen=True, slots=True)
class Norms:
    """The norms of a model."""

    sites: dict[str, SiteNorms]  # by the site's name
    final: Norm | None  # whose output is the model's


def find_norms(loaded: LoadedModel, sites: Sequence[Site]) -> Norms:
    """The norms around each site and the last one of the body, found by running the model on a few tokens."""
    chains = {site: _chain(loaded.model, site) for site in sites}
    trace = Trace(loaded.model, {module for chain in chains.values() for module in chain.modules})
    trace.run(loaded)
    around = {site: _around(trace, chain) for site, chain in chains.items()}
    ends = {site: chains[site].writers[0] if last is None else last.module for site, (_, last) in around.items()}
    reach = find_reach(loaded, [(chains[site].layer, end) for site, end in ends.items()])
    inside = _inside(trace, chains, {site: last for site, (_, last) in around.items() if last is not None})
    final = None if trace.last is None else trace.leaving(trace.last)
    return Norms(
        {
            site.address.name: SiteNorms(
                before=before,
                after=NO_NORM if last is None else explained(last),
                inner=_inner(trace, site),
                reach=reach.get(ends[site], AS_IT_IS),
                end=(chains[site].layer, ends[site]),
                inside=inside.get(site, 1.0),
            )
            for site, (before, last) in around.items()
        },
        None if final is None else explained(final),
    )


def _inner(trace: Trace, site: Site) -> Norm | None:
    """The norm between post and the down projection."""
    if site.entry is site.down or isinstance(site, ExpertSite):
        return NO_NORM
    passage = trace.through(site.entry)
    norm = None if passage is None else explained(passage)
    return None if norm is None or norm.centred else norm  # a mean over neurons mixes them


@dataclass(frozen=True, slots=True)
class _Chain:
    """A site's modules from its linear maps outwards, and the layer that they are in."""

    readers: tuple[nn.Module, ...]  # their input is what the MLP reads
    writers: tuple[nn.Module, ...]  # their output is what it writes, if their input is what it reads
    layer: nn.Module

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (*self.readers, *self.writers, self.layer)


def _chain(body: nn.Module, site: Site) -> _Chain:
    parts = site.path.split(".")
    first = next(place for place, part in enumerate(parts) if part.isdigit())
    blocks = [body.get_submodule(".".join(parts[:end])) for end in range(len(parts), first + 1, -1)]
    layer = body.get_submodule(".".join(parts[: first + 1]))
    return _Chain((site.gate, *blocks), (site.down, *blocks), layer)


def _around(trace: Trace, chain: _Chain) -> tuple[Norm | None, Passage | None]:
    """The norm before a site, and the values of the norm after it, if there is one."""
    read = list(_passages(trace, chain.readers))
    before = next(((p, norm) for p in read if (norm := trace.leaving(p.entered)) is not None), None)
    entered = before[0].entered if before is not None else read[0].entered if read else None
    written = [p for p in _passages(trace, chain.writers) if p.module is chain.writers[0] or _same(p.entered, entered)]
    after = next((norm for p in written if (norm := trace.entering(p.left)) is not None), None)
    if before is not None:
        return explained(before[1]), after
    added = [p.left for p in written] if after is None else [after.left]
    outputs = [p.left for p in _passages(trace, (chain.layer,))]
    in_stream = entered is not None and _reads_the_stream(entered, added, outputs)
    return NO_NORM if in_stream else None, after


def _inside(trace: Trace, chains: Mapping[Site, _Chain], lasts: Mapping[Site, Passage]) -> dict[Site, float | None]:
    """The constant by which what each site writes enters the norm after it: such a norm is given the sum of all sites
    before it times that constant. None if it isn't so."""
    found: dict[Site, float | None] = {}
    for passage in {id(one): one for one in lasts.values()}.values():
        sites = [site for site, last in lasts.items() if last is passage]
        writers = list(dict.fromkeys(chains[site].writers[0] for site in sites))
        written = [trace.around[one][0].left for one in writers if trace.around.get(one)]
        factor = None
        if len(written) == len(writers) and all(one.shape == passage.entered.shape for one in written):
            total = torch.stack(written).sum(0)
            factor = float((passage.entered * total).sum() / total.square().sum().clamp_min(1e-30))
            if float((passage.entered - factor * total).norm()) > _ROUNDING * float(passage.entered.norm()):
                factor = None
        found |= dict.fromkeys(sites, 1.0 if factor is not None and abs(factor - 1) <= _ROUNDING else factor)
    return found


def _reads_the_stream(entered: Tensor, added: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
    """Whether the layer's output is the MLP's input plus the MLP's output: then no norm precedes the MLP."""
    return any(
        entered.shape == one.shape == output.shape and torch.allclose(entered + one, output, rtol=1e-2, atol=1e-3)
        for one in added
        for output in outputs
    )


def _passages(trace: Trace, modules: Iterable[nn.Module]) -> Iterator[Passage]:
    for module in modules:
        yield from trace.around.get(module, ())


def _same(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and one.shape == other.shape and torch.equal(one, other)
