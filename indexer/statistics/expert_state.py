"""The states of the experts of a layer: one stack of them is fed at once, and each is the state of a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..devices import upload
from ..quadrants import LANES, QUANTITIES
from ..settings import Settings
from .deferred import Steps, at_once
from .expert_sample import ExpertSamples
from .offers import larger
from .rankings import BestK, Offers, beating, extent, magnitude_keys, random_keys
from .reduction import RANDOM_ROW, Activations, Fuser, Reduction, first_positions, reduce_batch
from .routing import Cells, Ordered, Placement, Routing, groups
from .sample import Ints, PositionSample
from .site_state import (
    TOGETHER,
    BatchView,
    NonFiniteError,
    SiteState,
    at_peaks,
    drawn_examples,
    magnitude_lists,
    narrowed,
    random_lists,
    ranked_rows,
    row_signs,
)
from .windows import encode_lanes


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

    def steps(self, values: Activations, batch: BatchView, fuse: Fuser) -> Steps:
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
    """A batch's statistics. Cells are expert * sequences + sequence; zeros where nothing was routed."""

    counts: Tensor  # expert quadrant neuron
    totals: Tensor  # expert 16 neuron, float64
    extremes: Tensor  # expert 16 neuron: signed
    magnitudes: Tensor  # expert sequence 20 neuron
    infinite: Tensor  # cell, int64: 1 where a value isn't finite


class _Sampled(NamedTuple):
    """Rows of a batch and whether they may enter the samples of their experts."""

    expert: Tensor
    row: Tensor  # the sequence's place in the batch
    hashes: Tensor
    enters: Tensor  # whether it may
    number: Tensor  # expert: of its rows that may


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
        self.quantities = LANES if keep_act else LANES[:-1]
        self.count = torch.zeros((count, 4, width), dtype=torch.int64, device=device)  # expert quadrant neuron
        self.total = torch.zeros((count, 16, width), dtype=torch.float64, device=device)
        self.extreme = torch.zeros((count, 16, width), dtype=torch.float32, device=device)
        before, after = settings.window
        self._offsets = torch.arange(-before, after + 1, device=device)
        window, lanes = before + 1 + after, len(self.quantities)
        ranked, random = magnitude_lists(settings), random_lists(settings)
        # a column is (expert * lists + list) * width + neuron
        self.ranked = BestK(ranked * count, width, settings.top_k, window, lanes, device)
        self.random = BestK(random * count, width, drawn_examples(settings), window, lanes, device)
        # the last one takes what enters nowhere
        self._sampled = torch.zeros((count + 1, lanes - 1, settings.sample, width), dtype=torch.float16, device=device)
        self.sample = self._sampled[:count]
        self.samples = ExpertSamples(count, settings.sample, device)
        self.states = {expert: ExpertState(self, place) for place, expert in enumerate(experts)}
        self._place = torch.full((max(experts) + 1,), -1, dtype=torch.int64, device=device)
        self._place[list(experts)] = torch.arange(count, device=device)
        self.rows = ranked_rows(settings)
        self._rows = torch.tensor(self.rows, dtype=torch.int64, device=device)
        self.signs = row_signs(device)

    def add(self, values: Activations, routing: Routing, batch: BatchView, fuse: Fuser) -> None:
        """Take all the steps of merging a batch at once: see `steps`."""
        at_once(self.steps(values, routing, batch, fuse))

    def steps(self, values: Activations, routing: Routing, batch: BatchView, fuse: Fuser) -> Steps:
        """Merge what the layer's experts computed for a batch: `values` of each routed row, in whatever type.

        Until the last step the states are as before, and another batch must not be begun. Raises NonFiniteError, and
        then they stay so. Where memory runs out on the way, `torn` of a state tells whether it took in a part of the
        batch.
        """
        ordered = self._ordered(routing, batch)
        placement = ordered.placed((yield ordered.counts))
        if not len(placement.row):
            return
        if fuse.loops(values.gate):
            self._walk(values, batch, placement, fuse)
            return
        values = values.readable()
        parts = list(groups(placement))
        experts, sequences = len(self.states), len(batch.sequence)
        found = self._reduced(values, batch, parts, fuse)
        ranked, (random, _) = self._ranked_keys(batch, found.magnitudes), self._random_keys(batch, found.magnitudes)
        beats = (ranked > self.ranked.threshold).view(sequences, experts, len(self.rows) * self.width)
        wanted = beats.sum(2).T.flatten()  # cell
        extents = [extent(ranked, self.ranked.threshold), extent(random, self.random.threshold)]
        sampled = self._offered_sample(batch, placement)
        tally = torch.cat([found.infinite, wanted, *extents, sampled.number])
        del ranked, random, beats  # as large as all that is kept of them: computed again
        numbers = yield tally
        infinite, cells, of_ranked, of_random, of_sample = np.split(
            numbers, np.cumsum([len(found.infinite), len(wanted), 3, 3])
        )
        if infinite.any():
            raise NonFiniteError(int(infinite.argmax()) % sequences)
        self._begin(placement, sequences)
        self.count += found.counts
        self.total += found.totals
        self.extreme.copy_(larger(self.extreme, found.extremes))
        if of_ranked.any():
            keys = self._ranked_keys(batch, found.magnitudes)
            position = self._first(values, parts, found.magnitudes, cells, fuse)
            self._enter(self.ranked, values, batch, placement, keys, position, of_ranked)
        if of_random.any():
            keys, position = self._random_keys(batch, found.magnitudes)
            self._enter(self.random, values, batch, placement, keys, position, of_random)
        self._enter_sample(values, batch, placement, sampled, of_sample)
        self._end()

    def _walk(self, values: Activations, batch: BatchView, placement: Placement, fuse: Fuser) -> None:
        """The rest of `steps` on the CPU, in loops: of float32 or bfloat16."""
        from .cpu.rows import routed_rows
        from .cpu.walk import Walk

        rows = routed_rows(placement, batch.priority)
        walk = Walk(values, rows, fuse, sites=len(self.states), sign_preserving=self.sign_preserving)
        if walk.infinite is not None:
            raise NonFiniteError(walk.infinite)
        self._begin(placement, len(batch.sequence))
        walk.absorb(self, batch.deciders)
        sampled = self._offered_sample(batch, placement)
        self._enter_sample(values, batch, placement, sampled, sampled.number.numpy())
        self._end()

    def _begin(self, placement: Placement, sequences: int) -> None:
        """The states begin to take in a batch."""
        routed_to = placement.counts.reshape(-1, sequences).sum(1).tolist()
        for state, number in zip(self.states.values(), routed_to, strict=True):
            state.torn = True
            state.tokens_counted += number

    def _end(self) -> None:
        for state in self.states.values():
            state.torn = False

    def _ordered(self, routing: Routing, batch: BatchView) -> Ordered:
        sequences, length = batch.hashes.shape
        place = self._place[routing.expert.clamp(max=len(self._place) - 1)]
        known = (routing.expert < len(self._place)) & (place >= 0)
        counted = batch.counted.view(-1)[routing.token] != 0
        wanted = Routing(place, routing.token, routing.reached & known & counted)
        return Ordered(wanted, len(self.states), sequences, length)

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
        counts, totals, magnitudes = (each.view(experts, sequences, *each.shape[1:]) for each in whole[:3])
        extremes = magnitudes[:, :, :RANDOM_ROW].amax(1) * self.signs
        if signed is not None:  # act and post have no one sign in a quadrant
            by_expert = signed.view(experts, sequences, 8, -1)
            high, low = by_expert.amax(1), by_expert.amin(1)
            extremes[:, 8:] = torch.where(high >= -low, high, low)
        infinite = (~whole.finite).to(torch.int64)
        return _Found(counts.sum(1), totals.sum(1), extremes, magnitudes, infinite)

    def _first(
        self, values: Activations, parts: Sequence[Cells], magnitudes: Tensor, numbers: Ints, fuse: Fuser
    ) -> Tensor:
        """The first position of each list's largest magnitude: sequence column, int64.

        Only of cells that offer something: `numbers` of each cell.
        """
        flat = magnitudes.flatten(0, 1)  # cell row neuron
        found = torch.zeros((len(flat), len(self.rows) * self.width), dtype=torch.int64, device=flat.device)
        for part in parts:
            wanted = np.flatnonzero(numbers[part.numbers])
            if not len(wanted):
                continue
            of = upload(wanted, flat.device)
            cell, row, position, own = (tensor[of] for tensor in part[:4])
            counted = -own[:, :, None].to(torch.int32)
            place = first_positions(_at(values, row), counted, flat[cell], self.rows, fuse).flatten(1)
            found[cell] = position.gather(1, place.clamp(0, position.shape[1] - 1))
        return _by_sequence(found.view(*magnitudes.shape[:2], -1))

    def _ranked_keys(self, batch: BatchView, magnitudes: Tensor) -> Tensor:
        """The keys of what a batch offers by magnitude: sequence column, -1 for nothing."""
        keys = magnitude_keys(magnitudes.index_select(2, self._rows), batch.sequence[:, None, None])
        return _by_sequence(keys.flatten(2))

    def _random_keys(self, batch: BatchView, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        """The keys of what a batch offers at random, and where: both sequence column."""
        experts, length = len(self.states), batch.by_hash.shape[1]
        lists = len(self.random.lists) // experts
        priority = magnitudes[:, :, RANDOM_ROW : RANDOM_ROW + lists].flatten(2)
        rank = (length - priority).to(torch.int64).clamp(0, length - 1)
        position = batch.by_hash.expand(experts, -1, -1).gather(2, rank)
        keys = random_keys(batch.hashes.expand(experts, -1, -1).gather(2, position))
        return _by_sequence(torch.where(priority > 0, keys, -1)), _by_sequence(position)

    def _enter(
        self,
        best: BestK,
        values: Activations,
        batch: BatchView,
        placement: Placement,
        keys: Tensor,
        positions: Tensor,
        extent: Ints,
    ) -> None:
        """Enter the offers that beat their thresholds, and keep the windows of those that stay.

        `keys` and `positions`: sequence column; `extent`: as `rankings.extent` tells.
        """
        row, column = beating(keys, best.threshold, int(extent[0]))
        key, position = keys[row, column], positions[row, column]
        fold = batch.folds[row, position] if self.settings.duplicates == "fold" else None
        offers = Offers(column, key, fold, batch.sequence[row], position)
        slot, offer = best.enter(offers, int(extent[1]), int(extent[2]))
        lanes = tuple(values[QUANTITIES.index(name)] for name in self.quantities)
        cell = column // (keys.shape[1] // len(self.states)) * len(batch.sequence) + row
        for place, block in zip(torch.split(slot, TOGETHER), torch.split(offer, TOGETHER), strict=True):
            neuron = column[block] % self.width
            codes, scale = _windows(lanes, placement, cell[block], position[block], neuron, self._offsets)
            peak = placement.at[cell[block] * placement.length + position[block]]
            best.keep(place, codes, scale, at_peaks(values, (peak, neuron)))

    def _offered_sample(self, batch: BatchView, placement: Placement) -> _Sampled:
        """Which rows of a batch may enter the samples of their experts."""
        row = placement.cell % len(batch.sequence)
        expert = placement.cell // len(batch.sequence)
        hashes = batch.hashes[row, placement.position]
        enters = self.samples.may_enter(expert, hashes)
        number = torch.zeros((len(self.states),), dtype=torch.int64, device=expert.device)
        return _Sampled(expert, row, hashes, enters, number.index_add_(0, expert, enters.to(torch.int64)))

    def _enter_sample(
        self, values: Activations, batch: BatchView, placement: Placement, sampled: _Sampled, numbers: Ints
    ) -> None:
        sequence = batch.sequence[sampled.row]
        of, slot, offer = self.samples.offer(
            sampled.expert, sampled.hashes, sequence, placement.position, sampled.enters, numbers
        )
        for lane, value in enumerate((values.gate, values.in_, values.act)[: self.sample.shape[1]]):
            self._sampled[of, lane, slot] = narrowed(value[placement.row[offer]])


def _by_sequence(found: Tensor) -> Tensor:
    """What is expert sequence column-of-the-expert, as sequence column."""
    return found.transpose(0, 1).flatten(1)


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
            found.append(torch.where(high >= -low, high, low).to(torch.float32))
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
    values = [lane[row.clamp(min=0), neuron[:, None]].to(torch.float32) for lane in lanes]  # each peak offset
    return encode_lanes(torch.stack(values, 1), (row >= 0)[:, None, :])
