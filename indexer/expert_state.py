"""The states of the experts of a layer: one stack of them is fed at once, and each is the state of a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .behind import Steps, at_once
from .capture_experts import Routed
from .devices import upload
from .expert_sample import ExpertSamples
from .quadrants import QUANTITIES, RANDOM_EXAMPLES
from .rankings import BestK, magnitude_keys, random_keys
from .reduction import RANDOM_ROW, Activations, Fuser, Reduction, first_positions, reduce_batch
from .routing import Cells, Ordered, Placement, groups
from .sample import Ints, PositionSample
from .settings import Settings
from .state import (
    TOGETHER,
    BatchView,
    NonFiniteError,
    SiteState,
    at_peaks,
    magnitude_lists,
    narrowed,
    random_lists,
    ranked_rows,
    row_signs,
)
from .survey import larger
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
    """A batch's statistics of every cell, expert * sequences + sequence; zeros where nothing was routed."""

    reduction: Reduction
    extremes: Tensor  # expert 16 neuron: signed, of the whole batch


class _Offers(NamedTuple):
    """What a batch offers to lists: one offer a cell and column. An expert's columns are list * width + neuron."""

    key: Tensor  # expert sequence column, int64: -1 for nothing
    position: Tensor  # expert sequence column, int64
    beating: Tensor  # expert sequence column: whether it beats the threshold
    numbers: Tensor  # expert * sequences + sequence: of those that do


class _Sampled(NamedTuple):
    """Rows of a batch and whether they may enter the samples of their experts."""

    expert: Tensor
    row: Tensor  # the sequence's place in the batch
    hashes: Tensor
    beaten: Tensor
    numbers: Tensor  # expert: of the rows that may


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

    def add(self, values: Activations, routed: Routed, batch: BatchView, fuse: Fuser) -> None:
        """Take all the steps of merging a batch at once: see `steps`."""
        at_once(self.steps(values, routed, batch, fuse))

    def steps(self, values: Activations, routed: Routed, batch: BatchView, fuse: Fuser) -> Steps:
        """Merge what the layer's experts computed for a batch: `values` of each routed row, in whatever type.

        Until the last step the states are as before, and another batch must not be begun. Raises NonFiniteError, and
        then they stay so. Where memory runs out on the way, `torn` of a state tells whether it took in a part of the
        batch.
        """
        ordered = self._ordered(routed, batch)
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
        magnitudes = found.reduction.magnitudes.view(experts, sequences, -1, self.width)
        ranked = self._ranked_offers(batch, magnitudes)
        random = self._random_offers(batch, magnitudes)
        sampled = self._offered_sample(batch, placement)
        infinite = (~found.reduction.finite).to(torch.int64)
        tally = torch.cat([infinite, ranked.numbers, random.numbers, sampled.numbers])
        numbers = yield tally
        infinite_, ranked_, random_ = numbers[:-experts].reshape(3, -1)
        if infinite_.any():
            raise NonFiniteError(int(infinite_.argmax()) % sequences)
        self._begin(placement, sequences)
        counts, totals = (part.view(experts, sequences, *part.shape[1:]) for part in found.reduction[:2])
        self.count += counts.sum(1)
        self.total += totals.sum(1)
        self.extreme.copy_(larger(self.extreme, found.extremes))
        if ranked_.any():
            position = self._first(values, parts, magnitudes, ranked_, fuse)
            self._enter(self.ranked, values, batch, placement, ranked._replace(position=position), ranked_, fuse)
        if random_.any():
            self._enter(self.random, values, batch, placement, random, random_, fuse)
        self._enter_sample(values, batch, placement, sampled, numbers[-experts:])
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
        self._enter_sample(values, batch, placement, sampled, sampled.numbers.numpy())
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

    def _ordered(self, routed: Routed, batch: BatchView) -> Ordered:
        sequences, length = batch.hashes.shape
        place = self._place[routed.expert.clamp(max=len(self._place) - 1)]
        known = (routed.expert < len(self._place)) & (place >= 0)
        counted = batch.counted.view(-1)[routed.token] != 0
        return Ordered(place, routed.token, routed.reached & known & counted, len(self.states), sequences, length)

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
        extremes = whole.magnitudes[:, :RANDOM_ROW].view(experts, sequences, RANDOM_ROW, -1).amax(1) * self.signs
        if signed is not None:  # act and post have no one sign in a quadrant
            by_expert = signed.view(experts, sequences, 8, -1)
            high, low = by_expert.amax(1), by_expert.amin(1)
            extremes[:, 8:] = torch.where(high >= -low, high, low)
        return _Found(whole, extremes)

    def _first(
        self, values: Activations, parts: Sequence[Cells], magnitudes: Tensor, numbers: Ints, fuse: Fuser
    ) -> Tensor:
        """The first position of each list's largest magnitude: expert sequence list*width+neuron, int64.

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
        return found.view(*magnitudes.shape[:2], -1)

    def _ranked_offers(self, batch: BatchView, magnitudes: Tensor) -> _Offers:
        """What a batch offers by magnitude; the positions are yet to be found."""
        keys = magnitude_keys(magnitudes.index_select(2, self._rows), batch.sequence[:, None, None]).flatten(2)
        return self._beating(self.ranked, keys, keys)

    def _random_offers(self, batch: BatchView, magnitudes: Tensor) -> _Offers:
        """What a batch offers at random."""
        experts, length = len(self.states), batch.by_hash.shape[1]
        lists = len(self.random.lists) // experts
        priority = magnitudes[:, :, RANDOM_ROW : RANDOM_ROW + lists].flatten(2)
        rank = (length - priority).to(torch.int64).clamp(0, length - 1)
        position = batch.by_hash.expand(experts, -1, -1).gather(2, rank)
        keys = random_keys(batch.hashes.expand(experts, -1, -1).gather(2, position))
        return self._beating(self.random, torch.where(priority > 0, keys, -1), position)

    def _beating(self, best: BestK, keys: Tensor, position: Tensor) -> _Offers:
        """Of one offer a cell and column, those that beat their thresholds: all are expert sequence column."""
        beating = keys > best.threshold.view(len(keys), 1, keys.shape[2])
        return _Offers(keys, position, beating, beating.sum(2).flatten())

    def _enter(
        self,
        best: BestK,
        values: Activations,
        batch: BatchView,
        placement: Placement,
        offers: _Offers,
        numbers: Ints,
        fuse: Fuser,
    ) -> None:
        """Place the offers that beat their thresholds, sequence by sequence; keep the windows of those that stay.

        `numbers`: of the offers of each cell.
        """
        beating = offers.beating.transpose(0, 1)  # sequence expert column
        row, expert, inner = torch.nonzero_static(beating, size=int(numbers.sum())).unbind(1)
        key, position = (tensor[expert, row, inner] for tensor in (offers.key, offers.position))
        column = expert * (len(best.lists) // len(self.states) * self.width) + inner
        sequence = batch.sequence[row]
        fold = batch.folds[row, position] if self.settings.duplicates == "fold" else None
        by_sequence = numbers.reshape(len(self.states), -1).sum(0).tolist()
        slot = best.place_in_turn(by_sequence, column, key, fold, sequence, position, fuse)
        lanes = tuple(values[QUANTITIES.index(name)] for name in self.quantities)
        cell = expert * len(batch.sequence) + row
        for start in range(0, len(slot), TOGETHER):
            block = slice(start, start + TOGETHER)
            neuron = inner[block] % self.width
            codes, scale = _windows(lanes, placement, cell[block], position[block], neuron, self._offsets)
            peak = placement.at[cell[block] * placement.length + position[block]]
            best.keep(slot[block], codes, scale, at_peaks(values, (peak, neuron)))

    def _offered_sample(self, batch: BatchView, placement: Placement) -> _Sampled:
        """Which rows of a batch may enter the samples of their experts."""
        row = placement.cell % len(batch.sequence)
        expert = placement.cell // len(batch.sequence)
        hashes = batch.hashes[row, placement.position]
        beaten = self.samples.beaten(expert, hashes)
        numbers = torch.zeros((len(self.states),), dtype=torch.int64, device=expert.device)
        return _Sampled(expert, row, hashes, beaten, numbers.index_add_(0, expert, beaten.to(torch.int64)))

    def _enter_sample(
        self, values: Activations, batch: BatchView, placement: Placement, sampled: _Sampled, numbers: Ints
    ) -> None:
        sequence = batch.sequence[sampled.row]
        of, slot, offer = self.samples.offer(
            sampled.expert, sampled.hashes, sequence, placement.position, sampled.beaten, numbers
        )
        for lane, value in enumerate((values.gate, values.in_, values.act)[: self.sample.shape[1]]):
            self._sampled[of, lane, slot] = narrowed(value[placement.row[offer]])


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
    values = [lane[row.clamp(min=0), neuron[:, None]].to(torch.float32) for lane in lanes]  # each peak offset
    return encode_lanes(torch.stack(values, 1), (row >= 0)[:, None, :])
