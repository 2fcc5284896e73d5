"""Rows of `gluscope effect`: for each target its variants, the sequences they are measured in, and the record made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from ...addresses import NeuronAddress
from ...database.reader import Index
from ...errors import GluscopeError
from ...models.probe import how_to_mend_numbers
from ...quadrants import Quadrant
from ...sequences.sequences import TokenSequence
from ..model import LiveModel
from .contexts import EXTREMES, RANDOM, Contexts
from .controls import NeuronsAlone, alike
from .edits import Edits
from .measures import Tally
from .plan import Plan, Text
from .request import Request, Target, quadrants_of
from .result import ALL, Effect, Marked, Measured
from .spelling import Spelling
from .study import Study
from .variant import Variant

TOGETHER = 16
"""Neurons of a layer that are measured at once on the same text: its plain run is shared."""


class Effects:
    """Measures targets and makes their rows."""

    def __init__(self, live: LiveModel, index: Index | None, request: Request, text: Text | None, study: Study) -> None:
        """Without an index there must be a text."""
        self.live, self.text = live, text
        self._index, self._request, self._study = index, request, study
        self._names = live.names
        self.tokens = study.head.rows.shape[0]  # that the model tells apart
        self._spelling = Spelling(live.loaded.tokenizer, self.tokens)
        self._contexts = None if index is None or text is not None else Contexts(index, request.contexts, request.signs)
        self._edits = Edits(live, index, request, study, () if text is None else text.sequences)
        self.alone = NeuronsAlone()
        self.under_way: dict[str, Tally] = {}
        """What is measured of rows that aren't finished, by the names of their variants; a group continues it."""
        if self._contexts is not None and not self._contexts.kinds:
            raise GluscopeError("the index keeps no contexts to measure on", "give a text: --text FILE")

    @property
    def over(self) -> str:
        """What the main measures are of."""
        if self._contexts is None:
            assert self.text is not None  # without contexts there is a text
            return self.text.over
        return self._contexts.kinds[0]

    def groups(self, targets: Sequence[Target]) -> Iterator[list[Target]]:
        """The targets in the groups that are measured at once; a group's rows are finished together."""
        by_neurons = [list(group) for _, group in groupby(targets, key=lambda target: target.neurons)]
        if self._contexts is not None:
            yield from by_neurons
            return
        ready: list[list[Target]] = []
        for group in by_neurons:
            if ready and (len(ready) >= TOGETHER or _layer(group) != _layer(ready[0])):
                yield [target for one in ready for target in one]
                ready = []
            ready.append(group)
        yield [target for one in ready for target in one]

    def demand(self, targets: Iterable[Target]) -> None:
        """GluscopeError for a neuron that the model doesn't have."""
        for neuron in {neuron for target in targets for neuron in target.neurons}:
            site = self._names.get(neuron.site.name)
            if site is None:
                known = f"it has {', '.join([*self._names][:4])} ..."
                raise GluscopeError(f"the model has no {neuron.site.name}", known)
            if neuron.index >= site.width:
                raise GluscopeError(
                    f"{neuron.site.name} has no neuron {neuron.index}", f"its neurons are 0 to {site.width - 1}"
                )

    def measure(self, targets: Sequence[Target], done: Callable[[int, int], None] = lambda *_: None) -> list[Effect]:
        """The rows of one group; `done` is told how many of how many runs of a sequence are over.

        Whenever it is told, `under_way` is whole.
        """
        self._edits.look_up(neuron for target in targets for neuron in target.neurons)
        plans = self._plans(targets)
        variants = [variant for plan in plans for variant in plan.variants]
        sequences = self._sequences(variants)
        numbers = {sequence.number for sequence in sequences}
        total = sum(variant.wants(number) for variant in variants for number in numbers)
        begun = [self._begun(variant, numbers) for variant in variants]
        so_far = sum(len(tally.sequences) for tally in begun)

        def further(count: int) -> None:
            nonlocal so_far
            so_far += count
            done(so_far, total)

        left = [variant.without(tally.sequences, numbers) for variant, tally in zip(variants, begun, strict=True)]
        tallies = iter(self._study.measure(left, sequences, further, begun))
        measured = [(plan, [next(tallies) for _ in plan.variants]) for plan in plans]
        for plan, own in measured:
            if len(plan.target.neurons) == 1:
                self.alone.add(plan.target.neurons[0], plan.target.label, own[0].mean("nll_at"))
            for neuron, tally in zip(plan.compared, own[len(own) - len(plan.compared) :], strict=True):
                self.alone.add(neuron, plan.target.label, tally.mean("nll_at"))
        rows = [self._effect(plan, own) for plan, own in measured]
        for variant in variants:
            del self.under_way[variant.name]
        return rows

    def _begun(self, variant: Variant, numbers: Collection[int]) -> Tally:
        """What is measured of a variant already, to be added to."""
        known = self.under_way.get(variant.name)
        if known is None or not all(number in numbers and variant.wants(number) for number in known.sequences):
            known = self.under_way[variant.name] = Tally()
        return known

    def _plans(self, targets: Sequence[Target]) -> list[Plan]:
        """The plans of a group, in which no neuron is measured twice in a quadrant."""
        known = {*self.alone, *((one.neurons[0], one.label) for one in targets if len(one.neurons) == 1)}
        plans = []
        for target in targets:
            plans.append(self._plan(target, known))
            known |= {(neuron, target.label) for neuron in plans[-1].compared}
        return plans

    def _sequences(self, variants: Iterable[Variant]) -> Sequence[TokenSequence]:
        if self._contexts is None:
            assert self.text is not None  # without contexts there is a text
            return self.text.sequences
        return self._contexts.sequences(number for variant in variants for number in variant.wanted or ())

    def _plan(self, target: Target, known: Collection[tuple[NeuronAddress, str]]) -> Plan:
        """`known`: what is measured elsewhere."""
        over = self.over
        request = self._request
        controls: list[NeuronAddress] = []
        if request.controls and self._index is not None and target.label != ALL and len(target.neurons) == 1:
            quadrant = Quadrant(target.label)
            controls = alike(self._index, target.neurons[0], quadrant, request.controls, request.signs)
        new = [neuron for neuron in controls if (neuron, target.label) not in known]
        self._edits.look_up(new)
        both = over == RANDOM and request.extremes and self._contexts is not None and EXTREMES in self._contexts.kinds
        return Plan(
            target,
            self._variant(target, over, marked=request.marked),
            self._variant(target, EXTREMES, marked=request.marked) if both else None,
            tuple(controls),
            {neuron: self._variant(Target((neuron,), target.label), over) for neuron in new},
        )

    def _variant(self, target: Target, kind: str, *, marked: bool = False) -> Variant:
        quadrants = quadrants_of(target.label)
        wanted = None
        if self._contexts is not None:
            each = (self._contexts.numbers(neuron, quadrants, kind) for neuron in target.neurons)
            wanted = frozenset().union(*each)
        edits = tuple(self._edits.edit(neuron, quadrants) for neuron in target.neurons)
        return Variant(edits, wanted, marked, f"{target.name} {target.label} {kind}")

    def _effect(self, plan: Plan, tallies: list[Tally]) -> Effect:
        target = plan.target
        main = tallies[0]
        own = self._measured(main, target)
        extremes = None if plan.extremes is None else tallies[1]
        controls = self.alone.compare(own.nll_at, plan.controls, target.label) if plan.controls else None
        raised, lowered = self._expected(target, own.post_change)
        return Effect(
            neuron=target.name,
            quadrant=target.label,
            to=self._request.to.name,
            signs=self._request.signs,
            over=self.over,
            main=own,
            extremes=None if extremes is None else self._measured(extremes, target),
            controls=controls,
            expected_raised=raised,
            expected_lowered=lowered,
            marked=tuple(self._marked((main, *([extremes] if extremes is not None else [])))),
        )

    def _measured(self, tally: Tally, target: Target) -> Measured:
        positions = sum(tally.altered)
        visited = sum(count > 0 for count in tally.altered)
        if not positions or tally.tokens is None:
            return Measured(positions=0, sequences=len(tally.sequences), visited=0)
        if not all(np.isfinite(values).all() for values in tally.sums.values()):
            raise GluscopeError(
                f"{target.name}: a prediction is NaN or infinite", how_to_mend_numbers(self.live.loaded.dtype)
            )
        raised, lowered = self._spelling.ends(tally.tokens / positions)
        alone = len(target.neurons) == 1
        sign = -1 if alone and self._edits.flipped(target.neurons[0]) else 1
        return Measured(
            positions=positions,
            sequences=len(tally.sequences),
            visited=visited,
            nll_at=tally.mean("nll_at"),
            nll_all=tally.mean("nll_all"),
            kl_at=tally.mean("kl_at"),
            entropy_at=tally.mean("entropy_at"),
            top1_changed=sum(tally.sums["top1_changed"]) / positions,
            post_change=sign * tally.shift / positions if alone else None,
            raised=raised,
            lowered=lowered,
        )

    def _expected(self, target: Target, change: float | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tokens that the weights say rise and fall when post changes so; none without a change or weights."""
        if self._index is None or not change:
            return (), ()
        weights = self._index.weights(target.neurons[0], signs=self._request.signs)
        if weights is None:
            return (), ()
        up, down = (tuple(score.text for score in scores) for scores in (weights.promotes, weights.suppresses))
        return (up, down) if change > 0 else (down, up)

    def _marked(self, tallies: Iterable[Tally]) -> Iterator[Marked]:
        """The sequences with an altered position, each once."""
        found = {number: marks for tally in tallies for number, marks in tally.marks.items()}
        numbered = {one.number: one for one in self._known(found)}
        for number, (altered, change) in sorted(found.items()):
            sequence = numbered[number]
            length = sequence.length
            yield Marked(
                sequence.document,
                sequence.part,
                self._spelling.texts(sequence.ids.tolist()),
                tuple(altered[:length].tolist()),
                tuple(None if value != value else value for value in change[:length].tolist()),
            )

    def _known(self, numbers: Iterable[int]) -> Sequence[TokenSequence]:
        if self._contexts is not None:
            return self._contexts.sequences(numbers)
        assert self.text is not None  # without contexts there is a text
        return self.text.sequences


def _layer(targets: Sequence[Target]) -> tuple[str, int]:
    first = targets[0].neurons[0].site
    return first.stack, first.layer
