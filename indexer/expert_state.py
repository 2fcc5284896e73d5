"""The states of the experts of a layer: one stack of them is fed at once, and each is the state of a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .capture_experts import Routed
from .expert_sample import ExpertSamples
from .quadrants import QUADRANTS, QUANTITIES, RANDOM_EXAMPLES
from .rankings import BestK, magnitude_keys, random_keys
from .reduction import RANDOM_ROW, Activations, Fuser, Reduction, first_positions, reduce_batch
from .routing import Cells, Placement, groups, place
from .sample import PositionSample
from .settings import Settings
from .state import BatchView, Ints, NonFiniteError, SiteState, magnitude_lists, narrowed, random_lists
from .survey import larger
from .windows import encode_lanes

_TOGETHER = 65536  # windows that are gathered at once


class ExpertState(SiteState):
    """The state of one expert: a part of a stack, which feeds it, and whose memory it is. It has its own sample."""

    def __init__(self, stack: ExpertStack, place: int) -> None:
        self.width = stack.width
        self.settings = stack.settings
        self.sign_preserving = stack.sign_preserving
        self.quantities = stack.quantities
        self.torn = False
        self.tokens_counted = 0
        self.count, self.total, self.extreme = stack.count[place], stack.total[place], stack.extreme[place]
        ranked, random = len(magnitude_lists(self.settings)), len(random_lists(self.settings))
        self.ranked = stack.ranked.part(slice(place * ranked, (place + 1) * ranked))
        self.random = stack.random.part(slice(place * random, (place + 1) * random))
        self.sample = stack.sample[place]
        self._samples, self._place = stack.samples, place

    @property
    def drawn(self) -> PositionSample:
        """Which positions the expert sampled: a copy."""
        return self._samples.of(self._place)

    def add(self, values: Activations, batch: BatchView, fuse: Fuser) -> None:
        raise NotImplementedError("experts are fed by their stack")

    def merge_drawn(self, other: ExpertState) -> tuple[Ints, Ints]:
        """Take in which positions the same expert sampled of other batches: what `merge` needs to know."""
        drawn = self.drawn
        slots = drawn.merge(other.drawn)
        self.take_drawn(drawn)
        return slots

    def take_drawn(self, sample: PositionSample) -> None:
        """Take the positions of a sample for those that the expert sampled."""
        self._samples.put(self._place, sample)

    def tensors(self) -> dict[str, Tensor]:
        drawn = {f"drawn.{name}": tensor[self._place] for name, tensor in self._samples.tensors().items()}
        return {**super().tensors(), **drawn}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        super().restore(tensors)
        for name, tensor in self._samples.tensors().items():
            tensor[self._place].copy_(tensors[f"drawn.{name}"])


class _Found(NamedTuple):
    """A batch's statistics of every cell, expert * sequences + sequence; zeros where nothing was routed."""

    reduction: Reduction
    extremes: Tensor  # expert 16 neuron: signed, of the whole batch


class ExpertStack:
    """The states of some experts of a layer. A batch enters by `add`; nothing in it grows with the corpus."""

    def __init__(
        self,
        experts: Sequence[int],
        width: int,
        settings: Settings,
        *,
        sign_preserving: bool,
        keep_act: bool,
        device: torch.device,
    ) -> None:
        count = len(experts)
        self.width = width
        self.settings = settings
        self.sign_preserving = sign_preserving
        self.quantities = ("gate", "in", "post", "act") if keep_act else ("gate", "in", "post")
        self.count = torch.zeros((count, 4, width), dtype=torch.int64, device=device)  # expert quadrant neuron
        self.total = torch.zeros((count, 16, width), dtype=torch.float64, device=device)
        self.extreme = torch.zeros((count, 16, width), dtype=torch.float32, device=device)
        before, after = settings.window
        self._offsets = torch.arange(-before, after + 1, device=device)
        window, lanes = before + 1 + after, len(self.quantities)
        ranked, random = magnitude_lists(settings), random_lists(settings)
        # a column is (expert * lists + list) * width + neuron
        self.ranked = BestK(ranked * count, width, settings.top_k, window, lanes, device)
        self.random = BestK(random * count, width, RANDOM_EXAMPLES, window, lanes, device)
        self.sample = torch.zeros((count, lanes - 1, settings.sample, width), dtype=torch.float16, device=device)
        self.samples = ExpertSamples(count, settings.sample, device)
        self.states = {expert: ExpertState(self, place) for place, expert in enumerate(experts)}
        self._place = torch.full((max(experts) + 1,), -1, dtype=torch.int64, device=device)
        self._place[list(experts)] = torch.arange(count, device=device)
        self._rows = [QUANTITIES.index(name) * 4 + QUADRANTS.index(quadrant) for name, quadrant in ranked]
        signs = [sign for q in QUADRANTS for sign in (q.gate_sign, q.in_sign, q.gate_sign, q.gate_sign * q.in_sign)]
        self._sign = torch.tensor(signs, dtype=torch.float32, device=device).view(4, 4).T.reshape(16, 1)

    def add(self, values: Activations, routed: Routed, batch: BatchView, fuse: Fuser) -> None:
        """Merge what the layer's experts computed for a batch: `values` of each routed row, float32 or what loops read.

        Raises NonFiniteError, and then the states are as before. Where memory runs out on the way, `torn` of a state
        tells whether it took in a part of the batch.
        """
        placement = self._placed(routed, batch)
        if not len(placement.row):
            return
        if fuse.loops(values.gate):
            self._walk(values, batch, placement, fuse)
            return
        parts = list(groups(placement))
        found = self._reduced(values, batch, parts, fuse)
        infinite = (~found.reduction.finite).nonzero()[:, 0]
        if len(infinite):
            raise NonFiniteError(int(infinite[0]) % len(batch.sequence))
        self._begin(placement, len(batch.sequence))
        experts, sequences = len(self.states), len(batch.sequence)
        counts, totals = (part.view(experts, sequences, *part.shape[1:]) for part in found.reduction[:2])
        self.count += counts.sum(1)
        self.total += totals.sum(1)
        self.extreme.copy_(larger(self.extreme, found.extremes))
        magnitudes = found.reduction.magnitudes.view(experts, sequences, -1, self.width)
        self._offer_magnitudes(values, batch, placement, parts, magnitudes, fuse)
        self._offer_random(values, batch, placement, magnitudes, fuse)
        self._add_sample(values, batch, placement)
        self._end()

    def _walk(self, values: Activations, batch: BatchView, placement: Placement, fuse: Fuser) -> None:
        """`add` on the CPU, in loops. `values` may be bfloat16."""
        from .cpu.rows import routed_rows
        from .cpu.walk import Walk

        rows = routed_rows(placement, batch.priority)
        walk = Walk(values, rows, fuse, sites=len(self.states), sign_preserving=self.sign_preserving)
        if walk.infinite is not None:
            raise NonFiniteError(walk.infinite)
        self._begin(placement, len(batch.sequence))
        statistics = self.count, self.total, self.extreme, self._sign
        lanes = tuple(QUANTITIES.index(name) for name in self.quantities)
        windows = lanes, self.settings.window[0]
        ranked = self.ranked, tuple(self._rows)
        walk.absorb(statistics, ranked, self.random, windows, batch.deciders, fold=self.settings.duplicates == "fold")
        self._add_sample(values, batch, placement)
        self._end()

    def _begin(self, placement: Placement, sequences: int) -> None:
        """The states begin to take in a batch."""
        routed_to = placement.counts.view(-1, sequences).sum(1).tolist()
        for state, number in zip(self.states.values(), routed_to, strict=True):
            state.torn = True
            state.tokens_counted += number

    def _end(self) -> None:
        for state in self.states.values():
            state.torn = False

    def _placed(self, routed: Routed, batch: BatchView) -> Placement:
        sequences, length = batch.hashes.shape
        place_ = self._place[routed.expert.clamp(max=len(self._place) - 1)]
        known = (routed.expert < len(self._place)) & (place_ >= 0)
        counted = batch.counted.view(-1)[routed.token] != 0
        return place(place_, routed.token, routed.reached & known & counted, len(self.states), sequences, length)

    def _reduced(self, values: Activations, batch: BatchView, parts: Sequence[Cells], fuse: Fuser) -> _Found:
        experts, sequences = len(self.states), len(batch.sequence)
        cells, device = experts * sequences, self.count.device
        whole = Reduction(
            torch.zeros((cells, 4, self.width), dtype=torch.int32, device=device),
            torch.zeros((cells, 16, self.width), dtype=torch.float64, device=device),
            torch.zeros((cells, RANDOM_ROW + 4, self.width), dtype=torch.float32, device=device),
            torch.ones((cells,), dtype=torch.bool, device=device),
        )
        signed = None if self.sign_preserving else torch.zeros((cells, 8, self.width), device=device)
        for part in parts:
            counted = -part.own[:, :, None].to(torch.int32)  # cell place 1
            priority = batch.priority[(part.cell % sequences)[:, None], part.position]  # cell place 1
            # fetched first: a compiled loop that fetches on the way does one value at a time
            reduction = reduce_batch(_at(values, part.row), counted, priority, fuse)
            for name in ("counts", "totals", "magnitudes"):
                getattr(whole, name)[part.cell] = getattr(reduction, name)
            whole.finite[part.cell] = reduction.finite.all(1)
            if signed is not None:
                signed[part.cell] = _signed(_at(values, part.row), part.own)
        extremes = whole.magnitudes[:, :RANDOM_ROW].view(experts, sequences, RANDOM_ROW, -1).amax(1) * self._sign
        if signed is not None:  # act and post have no one sign in a quadrant
            by_expert = signed.view(experts, sequences, 8, -1)
            high, low = by_expert.amax(1), by_expert.amin(1)
            extremes[:, 8:] = torch.where(high >= -low, high, low)
        return _Found(whole, extremes)

    def _offer_magnitudes(
        self,
        values: Activations,
        batch: BatchView,
        placement: Placement,
        parts: Sequence[Cells],
        magnitudes: Tensor,
        fuse: Fuser,
    ) -> None:
        if not self._rows:
            return
        experts = len(self.states)
        keys = self._ranked_keys(batch, magnitudes).transpose(0, 1)  # sequence expert list*width+neuron
        offered = keys > self.ranked.threshold.view(experts, -1)
        row, expert, inner = offered.nonzero().unbind(1)
        if not len(row):
            return
        where = row, expert, inner
        position = self._first(values, parts, magnitudes, offered, fuse)[expert, row, inner]
        self._enter(self.ranked, values, batch, placement, where, keys[where], position, fuse)

    def _first(
        self,
        values: Activations,
        parts: Sequence[Cells],
        magnitudes: Tensor,
        offered: Tensor,
        fuse: Fuser,
    ) -> Tensor:
        """The first position of each list's largest magnitude: expert sequence list*width+neuron, int32.

        Only where a cell offers something.
        """
        wanted = offered.any(2).T.flatten()  # cell
        flat = magnitudes.flatten(0, 1)  # cell row neuron
        found = torch.zeros((len(flat), offered.shape[2]), dtype=torch.int32, device=flat.device)
        for part in parts:
            of = wanted[part.cell].nonzero()[:, 0]
            if not len(of):
                continue
            cell, row, position, own = (tensor[of] for tensor in part)
            counted = -own[:, :, None].to(torch.int32)
            place_ = first_positions(_at(values, row), counted, flat[cell], tuple(self._rows), fuse).flatten(1)
            found[cell] = position.gather(1, place_.clamp(0, position.shape[1] - 1)).to(torch.int32)
        return found.view(*magnitudes.shape[:2], -1)

    def _offer_random(
        self, values: Activations, batch: BatchView, placement: Placement, magnitudes: Tensor, fuse: Fuser
    ) -> None:
        if not self.random.lists:
            return
        keys, position = (part.transpose(0, 1) for part in self._random_keys(batch, magnitudes))
        row, expert, inner = (keys > self.random.threshold.view(len(self.states), -1)).nonzero().unbind(1)
        if len(row):
            where = row, expert, inner
            self._enter(self.random, values, batch, placement, where, keys[where], position[where], fuse)

    def _ranked_keys(self, batch: BatchView, magnitudes: Tensor) -> Tensor:
        """The keys of what a batch offers by magnitude: expert sequence list*width+neuron, -1 for nothing."""
        return magnitude_keys(magnitudes[:, :, self._rows], batch.sequence[:, None, None]).flatten(2)

    def _random_keys(self, batch: BatchView, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        """The keys of what a batch offers at random, and where: both expert sequence quadrant*width+neuron."""
        experts, length = len(self.states), batch.by_hash.shape[1]
        lists = len(self.random.lists) // experts
        priority = magnitudes[:, :, RANDOM_ROW : RANDOM_ROW + lists].flatten(2)
        rank = (length - priority).to(torch.int64).clamp(0, length - 1)
        position = batch.by_hash.expand(experts, -1, -1).gather(2, rank)
        keys = random_keys(batch.hashes.expand(experts, -1, -1).gather(2, position))
        return torch.where(priority > 0, keys, -1), position

    def _enter(
        self,
        best: BestK,
        values: Activations,
        batch: BatchView,
        placement: Placement,
        where: tuple[Tensor, Tensor, Tensor],
        key: Tensor,
        position: Tensor,
        fuse: Fuser,
    ) -> None:
        """Place offers, sorted by sequence, sequence by sequence; then keep the windows of those that stayed.

        `where`: sequence in the batch, expert, and column among those of the expert.
        """
        row, expert, inner = where
        position = position.to(torch.int64)
        column = expert * (len(best.lists) // len(self.states) * self.width) + inner
        sequence = batch.sequence[row]
        fold = batch.folds[row, position] if self.settings.duplicates == "fold" else None
        slot, offer = best.place_in_turn(row, column, key, fold, sequence, position, fuse)
        lanes = tuple(values[QUANTITIES.index(name)] for name in self.quantities)
        cell = expert * len(batch.sequence) + row
        for at, block in zip(torch.split(slot, _TOGETHER), torch.split(offer, _TOGETHER), strict=True):
            neuron = inner[block] % self.width
            codes, scale = _windows(lanes, placement, cell[block], position[block], neuron, self._offsets)
            best.lanes.view(-1, *codes.shape[1:])[at] = codes
            best.scale.view(-1, scale.shape[1])[at] = scale
            peak = placement.at[cell[block] * placement.length + position[block]]
            best.values.view(-1, 4)[at] = torch.stack([value[peak, neuron] for value in values], 1)

    def _add_sample(self, values: Activations, batch: BatchView, placement: Placement) -> None:
        row = placement.cell % len(batch.sequence)
        expert = placement.cell // len(batch.sequence)
        hashes = batch.hashes[row, placement.position]
        of, slot, offer = self.samples.offer(expert, hashes, batch.sequence[row], placement.position)
        for lane, value in enumerate((values.gate, values.in_, values.act)[: self.sample.shape[1]]):
            self.sample[of, lane, slot] = narrowed(value[placement.row[offer]])


def _at(values: Activations, row: Tensor) -> Activations:
    """The values of rows (cell place): each `# cell place neuron`."""
    return Activations(*(value[row] for value in values))


def _signed(values: Activations, own: Tensor) -> Tensor:
    """The value of the largest magnitude of act and post in each quadrant of each cell, signed: cell 8 neuron."""
    found = []
    opened, positive = values.gate > 0, values.in_ > 0
    closed, negative = values.gate < 0, values.in_ < 0
    for value in (values.act, values.post):
        for inside in (opened & positive, opened & negative, closed & positive, closed & negative):
            mine = torch.where(inside & own[:, :, None], value, 0.0)
            high, low = mine.amax(1), mine.amin(1)
            found.append(torch.where(high >= -low, high, low))
    return torch.stack(found, 1)


def _windows(
    lanes: tuple[Tensor, ...], placement: Placement, cell: Tensor, position: Tensor, neuron: Tensor, offsets: Tensor
) -> tuple[Tensor, Tensor]:
    """The windows of some peaks: codes `# peak lane offset` int8, and scales `# peak lane` float32.

    Positions outside the sequence, and those that were not routed to the expert of `cell`, have no value.
    """
    around = position[:, None] + offsets  # peak offset
    inside = (around >= 0) & (around < placement.length)
    place_ = cell[:, None] * placement.length + around.clamp(0, placement.length - 1)
    row = torch.where(inside, placement.at[place_], -1)
    values = torch.stack([lane[row.clamp(min=0), neuron[:, None]] for lane in lanes], 1)  # peak lane offset
    return encode_lanes(values, (row >= 0)[:, None, :])
