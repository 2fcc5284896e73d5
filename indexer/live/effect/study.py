"""Measures many variants of a model on the same sequences.

1. A batch of sequences runs plainly. Its predictions are kept, and the residual stream at the entry of every layer
   that has an altered neuron.
2. Where a variant alters nothing in a sequence, it changes nothing: that row isn't run.
3. The other rows (a variant, a sequence) of one layer become batches, which run from that layer on. Post is altered on
   the way, by the gate and in of that very run.
4. Logits are computed where a prediction can have changed: at altered positions and, for the next token's likelihood,
   after the first of them (in an encoder-decoder everywhere: its decoder sees all positions of its encoder).

Variants with neurons in several layers start at the lowest of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ...models.loaded import LoadedModel
from ...quadrants import QUADRANTS
from ...sequences.batches import Batch, plan
from ...sequences.sequences import TokenSequence
from ...sites import Site, is_encoder_decoder
from ...sites.site import place_in_model
from ..head import Head
from .alter import Alteration, Part, Survey
from .measures import Measured, Reach, Tally
from .predictions import KEPT_BYTES, Predictions
from .stream import Stream, run_whole, unaltered_stay
from .variant import Edit, Variant

Done = Callable[[int], None]
"""Told the number of further rows (a variant on a sequence) that are measured."""


@dataclass(eq=False)
class Study:
    """A loaded model and its head, ready to measure variants."""

    loaded: LoadedModel
    head: Head
    batch_tokens: int
    count_first: bool = False
    whole: bool = False  # run every layer for every variant: slower, for comparison
    notice: Callable[[str], None] = lambda _: None
    _told: bool = False
    _streams: dict[str, Stream] = field(default_factory=dict)
    _reach: dict[str, Reach] = field(default_factory=dict)  # of an alteration, by the path of the site

    def measure(
        self,
        variants: Sequence[Variant],
        sequences: Iterable[TokenSequence],
        done: Done = lambda _: None,
        begun: Sequence[Tally] | None = None,
    ) -> list[Tally]:
        """What each variant changes in the sequences that it wants, in its order.

        `begun`: what was measured in other sequences, to be added to; whenever `done` is told, each tally is whole: it
        has sequences or lacks them.
        """
        tallies = [Tally() for _ in variants] if begun is None else list(begun)
        with torch.inference_mode():
            self._measure(variants, sequences, tallies, done)
        return tallies

    def _measure(
        self, variants: Sequence[Variant], sequences: Iterable[TokenSequence], tallies: Sequence[Tally], done: Done
    ) -> None:
        together = min(self.batch_tokens, max(1, KEPT_BYTES // (4 * len(self.head.rows))))
        for batch in plan(sequences, together, alike=self.loaded.alike):
            wanted = [
                place
                for place, variant in enumerate(variants)
                if any(variant.wants(sequence.number) for sequence in batch.sequences)
            ]
            if wanted:
                run = _BatchRun(self, batch, [variants[place] for place in wanted])
                run.measure([tallies[place] for place in wanted], done)

    def stream(self, site: Site) -> Stream:
        """The residual stream at the entry of a site's layer."""
        name = ".".join(site.path.split(".")[: 1 + _layer_place(site)])
        if name not in self._streams:
            self._streams[name] = Stream(self.loaded.model, site)
        return self._streams[name]

    def lowest(self, variant: Variant) -> Site:
        """The first of a variant's sites in the order of the model."""
        return min(variant.sites, key=place_in_model)

    def prove(self, site: Site, plain: _Plain) -> None:
        """Find out once, on a batch, how far altering a site reaches, and whether runs may start at its layer."""
        if site.path in self._reach:
            return
        stream = self.stream(site)
        if not stream.alone and not self.whole:
            stream.prove(self.loaded, plain.ids, plain.real, plain.kept.get(stream), plain.hidden)
            if not stream.alone and not self._told:
                self._told = True
                self.notice(
                    f"{self.loaded.architecture} passes more than the residual stream between its layers, "
                    "so all of them run for every variant"
                )
        near = stream.last and site.address.stack != "enc" and self._stays(site, plain)
        self._reach[site.path] = Reach.HERE if near else self._widest

    @property
    def _widest(self) -> Reach:
        return Reach.ALL if is_encoder_decoder(self.loaded.model) else Reach.LATER

    def reach(self, variant: Variant) -> Reach:
        """Where a variant, whose first site was proven, can change predictions."""
        return self._reach[self.lowest(variant).path] if len(variant.sites) == 1 else self._widest

    def _stays(self, site: Site, plain: _Plain) -> bool:
        """Whether zeroing a whole site in every second position leaves the other positions' last states as they are."""
        every = tuple(Edit(site, index, frozenset(QUADRANTS)) for index in range(site.width))
        some = plain.counted.clone()
        some[:, ::2] = False
        alteration = Alteration([Part(Variant(every), slice(0, len(some)))], some)
        hidden = self.run(site, plain, torch.arange(len(some)), alteration)
        changed = (hidden - plain.hidden).abs()
        altered = alteration.altered.to(hidden.device)
        return bool(altered.any()) and unaltered_stay(changed, altered, plain.hidden)

    def run(self, start: Site, plain: _Plain, source: Tensor, alteration: Alteration) -> Tensor:
        """Last states (# row position d_model) of an altered batch whose rows repeat rows of the plain one."""
        stream = self.stream(start)
        ids, real = plain.ids[source], plain.real[source]
        with alteration.running():
            if self.whole or not stream.alone:
                return self.last_states(ids, real)
            kept = plain.kept[stream]
            with stream.from_here(kept[source.to(kept.device)]):
                return self.last_states(ids, real)

    def last_states(self, ids: Tensor, real: Tensor) -> Tensor:
        """The body's last states (# row position d_model) for ids (# row position; `real`: not padding), where the
        head is."""
        return run_whole(self.loaded, ids, real).to(self.head.rows.device)


def _layer_place(site: Site) -> int:
    return next(number for number, part in enumerate(site.path.split(".")) if part.isdigit())


@dataclass(eq=False)
class _Plain:
    """A batch as it runs without any alteration."""

    ids: Tensor  # row position
    real: Tensor  # row position, bool: not padding
    counted: Tensor  # row position, bool: may be altered
    hidden: Tensor  # row position d_model: last states
    kept: dict[Stream, Tensor]  # at the entry of each altered layer
    visited: Tensor  # variant row, bool: something would be altered


class _BatchRun:
    """All variants on one batch."""

    def __init__(self, study: Study, batch: Batch, variants: Sequence[Variant]) -> None:
        self._study, self._batch, self._variants = study, batch, variants
        self._starts = [study.lowest(variant) for variant in variants]

    def measure(self, tallies: Sequence[Tally], done: Done) -> None:
        plain = self._plain()
        for start in dict.fromkeys(self._starts):
            self._study.prove(start, plain)
        following = self._following(plain)
        groups: dict[Stream, list[tuple[int, int]]] = defaultdict(list)  # of (variant, row)
        for place, (variant, start) in enumerate(zip(self._variants, self._starts, strict=True)):
            for row, sequence in enumerate(self._batch.sequences):
                if not variant.wants(sequence.number):
                    continue
                if plain.visited[place, row]:
                    groups[self._study.stream(start)].append((place, row))
                else:
                    tallies[place].add(sequence.number, following[row])
                    done(1)
        if not groups:
            return
        predictions = Predictions(self._study.head, plain.hidden, plain.ids, plain.real)
        together = max(1, self._study.batch_tokens // plain.ids.shape[1])
        for pairs in groups.values():
            for begin in range(0, len(pairs), together):
                chunk = pairs[begin : begin + together]
                self._altered(plain, predictions, chunk, tallies)
                done(len(chunk))

    def _plain(self) -> _Plain:
        """Run the batch, finding the positions of every variant on the way."""
        ids = torch.from_numpy(self._batch.ids)
        lengths = torch.from_numpy(self._batch.lengths)
        real = torch.arange(ids.shape[1])[None] < lengths[:, None]
        counted = real.clone()
        counted[:, 0] &= self._study.count_first
        streams = dict.fromkeys(map(self._study.stream, self._starts))
        kept: dict[Stream, Tensor] = {}
        survey = Survey(self._variants, counted)
        with ExitStack() as stack:
            stack.enter_context(survey.running())
            for stream in streams:
                stack.enter_context(stream.kept(partial(kept.__setitem__, stream)))
            hidden = self._study.last_states(ids, real)
        return _Plain(ids, real, counted, hidden, kept, survey.visited)

    def _following(self, plain: _Plain) -> list[int]:
        """Counted positions of each row that have a next token."""
        follows = torch.cat([plain.real[:, 1:], torch.zeros_like(plain.real[:, :1])], dim=1)
        first = plain.counted & follows
        found: list[int] = first.sum(1).tolist()
        return found

    def _altered(
        self, plain: _Plain, predictions: Predictions, chunk: list[tuple[int, int]], tallies: Sequence[Tally]
    ) -> None:
        """Run some rows of one layer, altered, and add them to their variants' tallies."""
        study = self._study
        source = torch.tensor([row for _, row in chunk])
        places = list(dict.fromkeys(place for place, _ in chunk))
        parts, begin = [], 0
        for place in places:
            end = begin + sum(1 for other, _ in chunk if other == place)
            parts.append(Part(self._variants[place], slice(begin, end)))
            begin = end
        alteration = Alteration(parts, plain.counted[source])
        start = min((self._starts[place] for place in places), key=place_in_model)
        hidden = study.run(start, plain, source, alteration)
        reach = max(study.reach(self._variants[place]) for place in places)
        measured = Measured(study.head, predictions, source, alteration.altered, reach)
        measured.run(hidden, parts, {number: tallies[place] for number, place in enumerate(places)})
        rows = measured.rows()
        for row, (place, of) in enumerate(chunk):
            variant, sequence = self._variants[place], self._batch.sequences[of]
            rows.add_to(tallies[place], row, sequence.number, plain.counted[of], marked=variant.marked)
            tallies[place].shift += float(alteration.shift[row])
