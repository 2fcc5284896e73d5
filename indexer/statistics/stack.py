"""The state of the sites of a stack: statistics, best examples and sampled values found so far.

A stack is the routed experts of a layer, or several like dense sites, to which every position is routed. A batch
enters it as a whole; each of its sites has its own state, a view of one place of the stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..quadrants import LANES, QUADRANTS, QUANTITIES
from ..settings import Settings
from .activations import Activations
from .batch import BatchView
from .best_k import BestK
from .deferred import Steps, at_once
from .engine import Engine, Form, Sampling
from .expert_sample import ExpertSamples
from .offers import larger
from .placement import Ordered, Placement, Routing, Whole, routed_to
from .row_layout import QUANTITY_ROWS, RowLayout, drawn_examples, drawn_lists, ranked_lists
from .sample import Ints, PositionSample, Slots, narrowed


def form(width: int, *, sign_preserving: bool, keep_act: bool) -> Form:
    """What sites of some neurons have in common. `keep_act`: act can't be computed from gate."""
    return Form(width, sign_preserving, LANES if keep_act else LANES[:-1])


class Stack:
    """The states of some sites. `add` enters a batch; no tensor grows with the corpus."""

    def __init__(
        self,
        of: Form,
        settings: Settings,
        device: torch.device,
        engine: Engine | None = None,
        experts: Sequence[int] | None = None,
        dense: int = 1,
    ) -> None:
        """`experts`: the numbers of the experts it holds, each with a sample of its own; None: dense sites, which share
        the sample of the run. Without an engine the stack can't be fed."""
        sites = dense if experts is None else len(experts)
        self.form = of
        self.settings = settings
        self.layout = RowLayout.of(settings.rank_by)
        self.count = torch.zeros((sites, len(QUADRANTS), of.width), dtype=torch.int64, device=device)
        self.total = torch.zeros((sites, QUANTITY_ROWS, of.width), dtype=torch.float64, device=device)
        self.extreme = torch.zeros((sites, QUANTITY_ROWS, of.width), dtype=torch.float32, device=device)
        self.signs = _signs(device)
        window, lanes = sum(settings.window) + 1, len(of.lanes)
        ranked, drawn = ranked_lists(settings), drawn_lists(settings)
        self.ranked_rows = tuple(map(self.layout.row, ranked))
        self.drawn_rows = tuple(map(self.layout.row, drawn))
        self.ranked_index, self.drawn_index = (
            torch.tensor(rows, dtype=torch.int64, device=device) for rows in (self.ranked_rows, self.drawn_rows)
        )
        # a column is (site * lists + list) * width + neuron
        self.ranked = BestK(ranked * sites, of.width, settings.top_k, window, lanes, device)
        self.drawn = BestK(drawn * sites, of.width, drawn_examples(settings), window, lanes, device)
        self.samples = None if experts is None else ExpertSamples(sites, settings.sample, device)
        made = sites if self.samples is None else sites + 1  # the last one takes rejected values
        # site lane slot neuron: the lanes without post, which is act * in
        self._sampled = torch.zeros((made, lanes - 1, settings.sample, of.width), dtype=torch.float16, device=device)
        self.sample = self._sampled[:sites]
        self.states = tuple(SiteState(self, place) for place in range(sites))
        self._engine = engine
        self._place = None if experts is None else routed_to(experts, device)

    def add(self, values: Activations, batch: BatchView, routing: Routing | None = None) -> None:
        """Take all the steps of merging a batch at once: see `steps`."""
        at_once(self.steps(values, batch, routing))

    def steps(self, values: Activations, batch: BatchView, routing: Routing | None = None) -> Steps:
        """Merge the values that the sites computed for a batch, in any dtype; `routing` gives the expert of each row.

        Until the last step the states are unchanged, and no other batch may begin. If this raises NonFiniteError, they
        stay unchanged. If memory runs out on the way, `torn` of a state tells whether it took in a part of the batch.
        """
        assert self._engine is not None  # of a stack that is fed
        placement: Placement = Whole(batch, len(self.states))
        if routing is not None:
            ordered = Ordered(self._routed(routing, batch), len(self.states), batch)
            placement = ordered.placed((yield ordered.counts))
        if placement.size:
            yield from self._engine.steps(self, values, placement, batch)

    def _routed(self, routing: Routing, batch: BatchView) -> Routing:
        """The rows of this stack's sites at positions that count; all other rows are marked as not reached."""
        assert self._place is not None  # of a stack of experts
        place = self._place[routing.expert.clamp(max=len(self._place) - 1)]
        known = (routing.expert < len(self._place)) & (place >= 0)
        counted = batch.counted.view(-1)[routing.token] != 0
        return Routing(place, routing.token, routing.reached & known & counted)

    def begin(self, counted: Sequence[int]) -> None:
        """Begin to enter a batch; `counted`: the counted positions of each site."""
        for state, number in zip(self.states, counted, strict=True):
            state.torn = True
            state.tokens_counted += number

    def end(self) -> None:
        """All of a batch has entered."""
        for state in self.states:
            state.torn = False

    def sampling(self, placement: Placement, batch: BatchView) -> Sampling:
        """Which of a batch's positions may enter the samples."""
        if self.samples is None:
            sites = len(self.states)
            _, row, position = batch.sampled.repeat(1, sites)
            site = torch.arange(sites, device=row.device).repeat_interleave(batch.sampled.shape[1])
            at = placement.rows_at(site * placement.sequences + row, position)
            return Sampling(site, at, torch.ones_like(site, dtype=torch.bool), site[:0])
        return self.samples.sampling(placement, batch)

    def enter_sample(
        self, values: Activations, placement: Placement, batch: BatchView, sampling: Sampling, numbers: Ints
    ) -> None:
        """Enter them; `values`: `# row neuron`, `numbers`: those of `sampling.number`."""
        if self.samples is None:
            site, slot, row = sampling.site, batch.sampled[0].repeat(len(self.states)), sampling.row
        else:
            site, slot, row = self.samples.enter(placement, batch, sampling, numbers)
        if not len(slot):
            return
        for lane, value in enumerate((values.gate, values.in_, values.act)[: self.sample.shape[1]]):
            self._sampled[site, lane, slot] = narrowed(value[row])


class SiteState:
    """The state of one site: a view of one place of a stack."""

    def __init__(self, stack: Stack, place: int) -> None:
        self.form = stack.form
        self.torn = False
        self.tokens_counted = 0
        self.count, self.total, self.extreme = stack.count[place], stack.total[place], stack.extreme[place]
        ranked, drawn = len(stack.ranked_rows), len(stack.drawn_rows)
        self.ranked = stack.ranked.part(slice(place * ranked, (place + 1) * ranked))
        self.drawn = stack.drawn.part(slice(place * drawn, (place + 1) * drawn))
        self.sample = stack.sample[place]  # lane slot neuron
        self._fold = stack.settings.duplicates == "fold"
        self._samples, self._place = stack.samples, place

    @property
    def own_sample(self) -> PositionSample | None:
        """A copy of the positions that an expert sampled; None for a dense site, which shares the sample of the run."""
        return None if self._samples is None else self._samples.of(self._place)

    def take_sample(self, sample: PositionSample) -> None:
        """Set the positions that the expert sampled to those of a sample."""
        assert self._samples is not None  # of an expert
        self._samples.put(self._place, sample)

    def merge(self, other: SiteState, shared: Slots) -> None:
        """Take in the state of the same site fed from other batches; `other` stays as it is.

        `shared`: how the slots of the run's sample merge, as `PositionSample.merge` returns it. An expert merges its
        own sample instead.
        """
        slots = shared
        if (own := self.own_sample) is not None and (theirs := other.own_sample) is not None:
            slots = own.merge(theirs)
            self.take_sample(own)
        self.tokens_counted += other.tokens_counted
        self.count += other.count
        self.total += other.total
        self.extreme.copy_(larger(self.extreme, other.extreme))
        self.ranked.merge(other.ranked, fold=self._fold)
        self.drawn.merge(other.drawn, fold=self._fold)
        to, source = (torch.from_numpy(part).to(self.sample.device) for part in slots)
        self.sample[:, to] = other.sample[:, source]

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint keeps, by name."""
        found = {name: getattr(self, name) for name in _KEPT}
        for name, best in self._lists().items():
            found |= {f"{name}.{key}": tensor for key, tensor in best.tensors().items()}
        if self._samples is not None:
            found |= {f"drawn.{name}": tensor[self._place] for name, tensor in self._samples.tensors().items()}
        return {**found, "tokens_counted": torch.tensor([self.tokens_counted])}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        for name in _KEPT:
            getattr(self, name).copy_(tensors[name])
        for name, best in self._lists().items():
            best.restore({key: tensors[f"{name}.{key}"] for key in best.tensors()})
        if self._samples is not None:
            for name, tensor in self._samples.tensors().items():
                tensor[self._place].copy_(tensors[f"drawn.{name}"])
        self.tokens_counted = int(tensors["tokens_counted"][0])

    def _lists(self) -> dict[str, BestK]:
        """The tensors, by their names in checkpoints."""
        return {"ranked": self.ranked, "random": self.drawn}


_KEPT = ("count", "total", "extreme", "sample")


def bytes_per_neuron(settings: Settings, lanes: int) -> int:
    """Bytes of memory that the state takes for one neuron."""
    example = 8 + 8 + 8 + 4 + 16 + lanes * (4 + sum(settings.window) + 1)
    ranked, drawn = len(ranked_lists(settings)), len(drawn_lists(settings))
    examples = (ranked * settings.top_k + drawn * drawn_examples(settings)) * example + (ranked + drawn) * 8
    statistics = len(QUADRANTS) * 8 + QUANTITY_ROWS * (8 + 4)
    return examples + statistics + settings.sample * (lanes - 1) * 2


def _signs(device: torch.device) -> Tensor:
    """The sign of a quantity inside a quadrant, for activations that keep the sign of their input: 16 1, float32."""
    signs = [quantity.sign_in(quadrant) for quantity in QUANTITIES for quadrant in QUADRANTS]
    return torch.tensor(signs, dtype=torch.float32, device=device).reshape(QUANTITY_ROWS, 1)
