"""The direct effect of a neuron on a logit: its write, through the norms frozen in one run, onto an unembedding row.

A logit's gradient is pulled back along the direct path alone: the head, the last norm, what a layer does to the output
of its MLP, the norm behind the MLP. Each norm is the gain times the size that it divided by at that position in this
run. What arrives at the MLP is multiplied with each neuron's w_out and its post. Soft-capping is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..sites import Site, find_sites
from ..sites.experts import ExpertSite
from ..sites.weights import site_weights
from ..transformers_internals import norms_each_expert
from ..weights.norms import Norm, SiteNorms, find_norms
from ..weights.reach import AS_IT_IS, Reach, find_reach
from ..weights.vectors import site_vectors
from .head import Head, find_head
from .model import LiveModel
from .values import SiteValues, Values, row_of

_ROWS = 8192  # neurons at once: bounds the float32 copies


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The direct paths of a model's neurons to its logits."""

    head: Head
    final: Norm
    sites: Mapping[str, SiteNorms]  # by the site's name: those that have a path
    reasons: Mapping[str, str]  # of the others

    @property
    def norms(self) -> tuple[nn.Module, ...]:
        """The modules whose sizes matter: to be watched in a run."""
        around = [one for site in self.sites.values() for one in (site.after, site.inner)]
        found = [one.module for one in (self.final, *around) if one is not None and one.module is not None]
        return tuple(dict.fromkeys(found))


def find_paths(live: LiveModel) -> Paths | str:
    """The direct paths of the model's sites, or the reason why there are none. Runs the model on a few tokens."""
    head = find_head(live.loaded)
    if isinstance(head, str):
        return head
    norms = find_norms(live.loaded, find_sites(live.loaded.model))
    if norms.final is None:
        return "it can't be told what the last norm does"
    reasons: dict[str, str] = {}
    for one in site_vectors(live.sites, norms):
        if (reason := _reason(one.site, one.around, one.reason)) is not None:
            reasons[one.site.address.name] = reason
    kept = {name: around for name, around in norms.sites.items() if name not in reasons and name in live.names}
    return Paths(head, norms.final, kept, reasons)


def _reason(site: Site, around: SiteNorms, reason: str | None) -> str | None:
    """Why a site has no direct path."""
    if site.address.stack == "enc":
        return "the head doesn't read the stream of the encoder"
    if isinstance(site, ExpertSite) and norms_each_expert(site.module):
        return "a norm of its own follows each expert"
    if around.inside is None:
        return "it can't be told how its output enters the norm after it"
    return reason


class DirectEffects:
    """The direct effects of one run."""

    def __init__(self, live: LiveModel, paths: Paths, values: Values) -> None:
        """`values`: of a run in which `paths.norms` were watched."""
        self._live = live
        self._paths = paths
        self._values = values
        self._reach = self._find_reach()

    def _find_reach(self) -> Mapping[str, Reach]:
        """How each site's output reaches the stream, at the tokens of this text where that differs from token to
        token."""
        found = {name: around.reach for name, around in self._paths.sites.items()}
        points = {name: around.end for name, around in self._paths.sites.items() if around.reach.by_token is not None}
        if not points:
            return found
        ids = torch.from_numpy(self._values.ids.astype(np.int64))[None]
        again = find_reach(self._live.loaded, [point for point in points.values() if point is not None], ids)
        return found | {name: again.get(point[1], AS_IT_IS) for name, point in points.items() if point is not None}

    def predicted(self, position: int) -> int:
        """The token that the model predicts to follow a position."""
        return int(self._paths.head.logits(self._values.last[position][None])[0].argmax())

    def effects(self, site: Site, position: int, token: int) -> Tensor | None:
        """What each neuron of a site adds to the logit of a token at a position (neuron, float32, on the CPU; raw
        signs, under which post and w_out belong together; a flip changes neither).

        None if the site has no direct path, or if the position isn't routed to it.
        """
        name = site.address.name
        around, values = self._paths.sites.get(name), self._values.sites[name]
        row = row_of(values, position)
        if around is None or row is None:
            return None
        weight = 1.0 if not isinstance(site, ExpertSite) else _router_weight(values, row)
        if weight is None:
            return None
        pulled = self._pulled_back(around, self._reach[name], position, token) * weight
        per_unit = self._written(site, pulled)
        if around.inner is not None and around.inner.module is not None:
            per_unit = around.inner.read(per_unit) * self._factor(around.inner, position)
        return values.post[row].float() * per_unit

    def _pulled_back(self, around: SiteNorms, reach: Reach, position: int, token: int) -> Tensor:
        """The change of the logit for a change of what the MLP gives: d_model, float32."""
        row = self._paths.head.rows[token].detach().float().cpu() * self._paths.head.scale
        stream = self._paths.final.read(row) * self._factor(self._paths.final, position)
        stream = stream * (reach.scale if reach.by_token is None else reach.by_token[position])
        if reach.gain is not None:
            stream = stream * reach.gain
        if around.after is None or around.after.module is None:
            return stream
        inside = 1.0 if around.inside is None else around.inside
        return around.after.read(stream) * self._factor(around.after, position) * inside

    def _factor(self, norm: Norm, position: int) -> Tensor:
        assert norm.module is not None
        passage = self._values.norms[norm.module]
        return norm.factors(passage)[position]

    @staticmethod
    def _written(site: Site, direction: Tensor) -> Tensor:
        """The dot product of each neuron's w_out with a direction: neuron, float32."""
        weights = site_weights(site)
        assert weights is not None  # else there is a reason
        there = direction.to(weights.out.device)
        starts = range(0, len(weights.out), _ROWS)
        parts = [weights.out[start : start + _ROWS].detach().float() @ there for start in starts]
        return torch.cat(parts).cpu()


def _router_weight(values: SiteValues, row: int) -> Tensor | None:
    return None if values.weight is None else values.weight[row]
