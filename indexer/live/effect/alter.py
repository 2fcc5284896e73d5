"""Alters post while the model runs: different rows of one batch, different variants.

The values that decide, gate and in, are those of the run that is altered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ...capture.dense import capture
from ...capture.experts import capture_experts
from ...capture.routed import Routed
from ...sites import Site
from ...sites.experts import ExpertLayer, expert_layers, layer_sites
from ...sites.stacks import dense_sites
from .variant import Block, Variant


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of a batch, one after the other, and the variant that they are of."""

    variant: Variant
    rows: slice


class _Visitor:
    """Looks at the values of each part's neurons while the model runs."""

    def __init__(self, parts: Sequence[Part], counted: Tensor) -> None:
        self._parts = parts
        self._counted = counted
        self.sites = tuple(dict.fromkeys(site for part in parts for site in part.variant.sites))
        self._blocks: dict[tuple[int, Site], Block | None] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the context, every run of the model is visited."""
        with ExitStack() as stack:
            stack.enter_context(capture(dense_sites(self.sites), self._dense))
            stack.enter_context(capture_experts(expert_layers(self.sites), self._experts))
            yield

    def _found(self, _part: int, places: Tensor) -> None:
        """Told the flat places (row times positions + position) where a part has a neuron in one of its quadrants."""
        raise NotImplementedError

    def _new(self, _post: Tensor) -> Tensor | None:
        """A copy of post to be altered; None to alter nothing."""
        raise NotImplementedError

    def _shifted(self, rows: Tensor, change: Tensor) -> None:
        """Told the changes of post (# place), and the row of each."""

    def _blocks_of(self, site: Site, like: Tensor) -> Iterator[tuple[int, Part, Block]]:
        """The parts with neurons of a site, and their edits on the device of its values."""
        for number, part in enumerate(self._parts):
            key = (number, site)
            if key not in self._blocks:
                found = part.variant.blocks.get(site)
                self._blocks[key] = None if found is None else found.to(like)
            if (block := self._blocks[key]) is not None:
                yield number, part, block

    def _dense(self, site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> Tensor | None:
        length = self._counted.shape[1]
        shape = (*self._counted.shape, -1)  # a shared expert's rows may be the batch's tokens, flattened
        gates, ins, posts = (value.reshape(shape) for value in (gate, in_, post))
        new = self._new(posts)
        counted = self._counted.to(post.device)
        for number, part, block in self._blocks_of(site, post):
            at = (part.rows, slice(None), block.columns)
            inside, place = block.members(gates[at], ins[at])  # row position edit
            inside = inside & counted[part.rows, :, None]
            self._found(number, part.rows.start * length + inside.any(-1).reshape(-1).nonzero()[:, 0])
            if new is not None:
                changed = torch.where(inside, block.new(place, posts[at]), posts[at])
                new[at] = changed
                rows = torch.arange(part.rows.start, part.rows.start + len(changed))
                self._shifted(rows, (changed - posts[at]).sum((1, 2)))
        return None if new is None else new.reshape(post.shape)

    def _experts(self, layer: ExpertLayer, routed: Routed) -> Tensor | None:
        length = self._counted.shape[1]
        row, position = routed.token // length, routed.token % length
        counted = self._counted.to(routed.post.device)[row, position] & routed.reached
        new = self._new(routed.post)
        for site in layer_sites(self.sites, layer):
            own = counted & (routed.expert == site.expert)
            for number, part, block in self._blocks_of(site, routed.post):
                some = (own & (row >= part.rows.start) & (row < part.rows.stop)).nonzero()[:, 0]
                at = (some[:, None], block.columns)
                inside, place = block.members(routed.gate[at], routed.in_[at])  # routed edit
                self._found(number, routed.token[some[inside.any(-1)]])
                if new is not None:
                    changed = torch.where(inside, block.new(place, routed.post[at]), routed.post[at])
                    new[at] = changed
                    self._shifted(row[some], (changed - routed.post[at]).sum(1))
        return new


class Alteration(_Visitor):
    """The alteration of one batch. After the run `altered` says where (# row position, bool)."""

    def __init__(self, parts: Sequence[Part], counted: Tensor) -> None:
        """`counted`: the positions that may be altered (# row position, bool)."""
        super().__init__(parts, counted)
        self.altered = torch.zeros_like(counted)
        self.shift = torch.zeros(len(counted), dtype=torch.float64)  # row: the sum of new - old post

    def _found(self, _part: int, places: Tensor) -> None:
        self.altered.view(-1)[places.to(self.altered.device)] = True

    def _new(self, _post: Tensor) -> Tensor | None:
        return _post.clone()

    def _shifted(self, rows: Tensor, change: Tensor) -> None:
        self.shift.index_add_(0, rows.cpu(), change.float().cpu().double())


class Survey(_Visitor):
    """Alters nothing, and finds which variants would alter something in which rows of a batch."""

    def __init__(self, variants: Sequence[Variant], counted: Tensor) -> None:
        super().__init__([Part(variant, slice(0, len(counted))) for variant in variants], counted)
        self.visited = torch.zeros(len(variants), len(counted), dtype=torch.bool)  # variant row

    def _found(self, _part: int, places: Tensor) -> None:
        self.visited[_part, places.cpu() // self._counted.shape[1]] = True

    def _new(self, _post: Tensor) -> Tensor | None:
        return None
