"""The three vectors of each neuron, norm gains folded in: the directions it reads, and the one it writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from ..sites import Site
from ..sites.weights import SiteWeights, site_weights
from .norms import Norm, Norms, SiteNorms

_ROWS = 4096


class Vectors(NamedTuple):
    """The vectors of some neurons in float32: directions read before the norm, and written after the following norm."""

    gate: Tensor  # neuron d_model
    in_: Tensor  # neuron d_model
    out: Tensor  # neuron d_model


@dataclass(frozen=True, slots=True, eq=False)
class SiteVectors:
    """The neurons of a site as vectors, made on request, or the reason why they can't be made."""

    site: Site
    around: SiteNorms
    reason: str | None  # None: they can be made

    @property
    def before(self) -> Norm | None:
        return self.around.before

    @property
    def after(self) -> Norm | None:
        return self.around.after

    @property
    def d_model(self) -> int:
        return int(self._weights().gate.shape[1])

    def blocks(self, rows: int = _ROWS) -> Iterator[tuple[slice, Vectors]]:
        """All neurons, some at a time."""
        weights = self._weights()
        for start in range(0, self.site.width, rows):
            part = slice(start, min(start + rows, self.site.width))
            yield part, Vectors(self._read(weights.gate[part]), self._read(weights.in_[part]), self._out(weights, part))

    def some(self, neurons: Sequence[int]) -> Vectors:
        """The vectors of the neurons with these indices."""
        weights = self._weights()
        chosen = list(neurons)
        return Vectors(self._read(weights.gate[chosen]), self._read(weights.in_[chosen]), self._out(weights, chosen))

    def parts(self, which: str, rows: int = _ROWS) -> Iterator[tuple[slice, Tensor]]:
        """The vectors `gate`, `in` or `out` of all neurons, some at a time: neuron d_model."""
        weights = self._weights()
        for start in range(0, self.site.width, rows):
            part = slice(start, min(start + rows, self.site.width))
            if which == "out":
                yield part, self._out(weights, part)
            else:
                yield part, self._read((weights.gate if which == "gate" else weights.in_)[part])

    def _read(self, matrix: Tensor) -> Tensor:
        assert self.before is not None  # else there is a reason
        return self.before.read(matrix.detach().float())

    def _out(self, weights: SiteWeights, part: slice | list[int]) -> Tensor:
        assert self.after is not None
        assert self.around.inner is not None
        rows = weights.out[part].detach().float().contiguous()
        if (inner := self.around.inner.gain) is not None:
            rows = rows * inner[part].to(rows.device)[:, None]
        written = self.after.written(rows)
        gain = self.around.reach.gain
        return written if gain is None else written * gain.to(written.device)

    def _weights(self) -> SiteWeights:
        weights = site_weights(self.site)
        assert weights is not None
        return weights


def site_vectors(sites: Sequence[Site], norms: Norms) -> tuple[SiteVectors, ...]:
    """The vectors of every site."""
    found = []
    for site in sites:
        around = norms.sites[site.address.name]
        reason = None
        if site_weights(site) is None:
            reason = "its weights are quantised, adapted or not plain matrices"
        elif around.before is None:
            reason = "the norm that feeds it, or the effect of that norm, is not known"
        elif around.after is None:
            reason = "the effect of the norm after it is not known"
        elif around.inner is None:
            reason = "the effect of the norm between its product and its down projection is not known"
        elif around.reach.elsewhere:
            reason = "other linear maps lie between it and the residual stream, so its vectors lie in other spaces"
        found.append(SiteVectors(site, around, reason))
    return tuple(found)
