"""A neuron's mean post, in raw signs: from the index, or from the text in a pass of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from ...addresses import NeuronAddress
from ...capture.dense import capture
from ...capture.experts import capture_experts
from ...capture.routed import Routed
from ...database.reader import Index
from ...models.forward import run_body
from ...models.loaded import LoadedModel
from ...quadrants import QUADRANTS
from ...sequences.batches import plan
from ...sequences.sequences import TokenSequence
from ...sites import Site
from ...sites.experts import ExpertLayer, expert_layers, layer_sites
from ...sites.stacks import dense_sites

Four = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Means:
    """Means of post. A quadrant that is never visited has 0.0."""

    all: float  # over all counted tokens
    quadrants: Four  # in the order of QUADRANTS


def indexed_means(index: Index, neuron: NeuronAddress) -> Means:
    """The means that an index keeps. Tokens whose gate or in is exactly 0 count as post 0."""
    record = index.neuron(neuron, signs="raw", rankings=(), weights=False)
    each = [(record.quadrants[q].count, record.quadrants[q].mean.post or 0.0) for q in QUADRANTS]
    total = sum(count * mean for count, mean in each)
    one, two, three, four = (mean for _, mean in each)
    return Means(total / record.tokens_counted if record.tokens_counted else 0.0, (one, two, three, four))


class TextMeans:
    """The means of some neurons over a text."""

    def __init__(self, neurons: Iterable[tuple[Site, int]]) -> None:
        self._columns: dict[Site, list[int]] = {}
        for site, index in dict.fromkeys(neurons):
            self._columns.setdefault(site, []).append(index)
        self._sums = {site: torch.zeros(len(QUADRANTS) + 1, len(own)).double() for site, own in self._columns.items()}
        self._counts = {site: torch.zeros_like(sums) for site, sums in self._sums.items()}
        self._counted = torch.zeros(0, 0, dtype=torch.bool)

    def read(
        self, loaded: LoadedModel, sequences: Sequence[TokenSequence], batch_tokens: int, *, count_first: bool
    ) -> None:
        """Run the text."""
        sites = tuple(self._columns)
        with ExitStack() as stack:
            stack.enter_context(capture(dense_sites(sites), self._dense))
            stack.enter_context(capture_experts(expert_layers(sites), self._experts))
            for batch in plan(sequences, batch_tokens, alike=loaded.alike):
                ids = torch.from_numpy(batch.ids)
                real = torch.arange(ids.shape[1])[None] < torch.from_numpy(batch.lengths)[:, None]
                self._counted = real.clone()
                self._counted[:, 0] &= count_first
                run_body(loaded, ids, real.to(ids.dtype), sites)

    def of(self, site: Site, index: int) -> Means:
        """The means of a neuron."""
        place = self._columns[site].index(index)
        sums, counts = self._sums[site][:, place], self._counts[site][:, place]
        means: list[float] = torch.where(counts > 0, sums / counts.clamp(min=1), 0.0).tolist()
        one, two, three, four, every = means
        return Means(every, (one, two, three, four))

    def _dense(self, site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
        columns = torch.tensor(self._columns[site], device=post.device)
        rows = self._counted.reshape(-1).to(post.device).nonzero()[:, 0]
        width = post.shape[-1]
        self._add(site, *(value.reshape(-1, width)[rows[:, None], columns] for value in (gate, in_, post)))

    def _experts(self, layer: ExpertLayer, routed: Routed) -> None:
        counted = self._counted.reshape(-1).to(routed.post.device)[routed.token] & routed.reached
        for site in layer_sites(tuple(self._columns), layer):
            columns = torch.tensor(self._columns[site], device=routed.post.device)
            rows = (counted & (routed.expert == site.expert)).nonzero()[:, 0]
            self._add(site, *(value[rows[:, None], columns] for value in (routed.gate, routed.in_, routed.post)))

    def _add(self, site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
        """Add values, each # row neuron."""
        for place, inside in enumerate((*_inside(gate, in_), torch.ones_like(gate, dtype=torch.bool))):
            self._sums[site][place] += torch.where(inside, post, 0).float().cpu().double().sum(0)
            self._counts[site][place] += inside.cpu().double().sum(0)


def _inside(gate: Tensor, in_: Tensor) -> Iterator[Tensor]:
    for quadrant in QUADRANTS:
        yield (gate * quadrant.gate_sign > 0) & (in_ * quadrant.in_sign > 0)
