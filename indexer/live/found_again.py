"""Finds where in a text the values of a data set are, by running the model on it: positions, windows, a sample.

1. The lists of a site become entries: a neuron, a quadrant, a quantity, the value somewhere in a text.
2. Each text is run once. In it an entry's position is the one in its quadrant whose value is nearest to the entry's:
   where the same model ran on the same tokens it is the value itself, which was the largest of the text.
3. A value that is further off than rounding explains is not found: the entry is left out, and counted.
4. Around each position the window is taken as indexing takes it, and of the sampled positions gate and in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..capture.dense import capture, capture_act
from ..capture.proof import prove
from ..database.bulk.arrays import Float32, Int8, Int32, Int64, ListArrays, SiteArrays
from ..errors import GluscopeError
from ..models.forward import run_body
from ..models.probe import how_to_mend_numbers
from ..quadrants import QUADRANTS, QUANTITIES, Quantity
from ..sequences.sequences import TokenSequence
from ..sites import Site
from ..statistics.hashing import position_hashes
from ..statistics.sample import PositionSample, SampleUpdate, narrowed
from ..statistics.windows import gather_windows
from .model import LiveModel

NEAR = 0.05
"""How far from the data set's value one may be that is found: a share of it. Half precision strays by 1 to 2 %."""

_AT_ONCE = 1 << 22  # values of entries at the positions of a text
_LANES = (Quantity.GATE, Quantity.IN, Quantity.POST)


class FoundAgain:
    """What the texts that were run so far say of a data set's lists, and a sample of their positions."""

    def __init__(self, live: LiveModel, arrays: Sequence[SiteArrays], *, sample: bool) -> None:
        """`arrays`: for each site of the model, with raw signs; the sequences of the lists are those to be run.

        `sample`: whether to draw the sample that the settings ask for.
        """
        self._live = live
        window = live.settings.window
        self._sites = {one.address.name: _Lists.of(one, window) for one in arrays}
        self.sample = PositionSample(live.settings.sample if sample else 0)
        self._sampled = {name: np.zeros((2, self.sample.size, site.width), np.float16) for name, site in self._named}
        self._errors: dict[str, float] = {}

    @property
    def _named(self) -> list[tuple[str, SiteArrays]]:
        return [(name, lists.arrays) for name, lists in self._sites.items()]

    @property
    def sought(self) -> int:
        """How many entries the lists have."""
        return sum(int((lists.sequence >= 0).sum()) for lists in self._sites.values())

    @property
    def found(self) -> int:
        """How many of them were found."""
        return sum(int(lists.found.sum()) for lists in self._sites.values())

    def run(self, sequence: TokenSequence) -> None:
        """Run a text. GluscopeError for a value that is NaN or infinite, and a site that can't be proven."""
        counted = np.arange(sequence.length) >= (0 if self._live.settings.count_first else 1)
        update = self._draw(sequence, counted)
        sites = self._live.sites
        with capture_act(sites) as act:

            def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
                self._take(site, (gate, in_, act(site, gate), post), sequence, counted, update)

            with capture(sites, observe):
                run_body(self._live.loaded, torch.from_numpy(sequence.ids.astype("int64"))[None], sites=sites)

    def _draw(self, sequence: TokenSequence, counted: npt.NDArray[np.bool_]) -> SampleUpdate:
        document, part = (np.array([[one]], np.int64) for one in (sequence.document, sequence.part))
        hashes = position_hashes(self._live.settings.seed, document, part, np.arange(sequence.length)[None])
        return self.sample.offer(hashes, counted[None], np.array([sequence.number]))

    def _take(
        self,
        site: Site,
        values: tuple[Tensor, ...],
        sequence: TokenSequence,
        counted: npt.NDArray[np.bool_],
        update: SampleUpdate,
    ) -> None:
        """Find a site's entries of the text. `values`: gate, in, act and post, # 1 position neuron."""
        name = site.address.name
        if name not in self._errors:
            self._errors[name] = prove(site, values[0], values[1], values[3])
        lanes = torch.stack([one.detach()[0].float() for one in values])  # quantity position neuron
        if not bool(lanes.isfinite().all()):
            raise GluscopeError(
                f"{name}: a value is NaN or infinite in document {sequence.document} ({sequence.source})",
                how_to_mend_numbers(self._live.loaded.dtype),
            )
        if len(update.slot):
            rows = torch.from_numpy(update.position).to(lanes.device)
            self._sampled[name][:, update.slot] = narrowed(lanes[:2, rows]).cpu().numpy()
        self._sites[name].take(sequence.number, lanes, torch.from_numpy(counted).to(lanes.device))

    def arrays(self, sample_id: int = 0) -> list[SiteArrays]:
        """The sites, with the entries that were found."""
        order = self.sample.order()
        return [
            replace(
                lists.arrays,
                adapter=site.adapter,
                identity_error=self._errors.get(name),
                lists=lists.lists(),
                sample=self._sampled[name][:, order],
                sample_id=sample_id,
            )
            for (name, lists), site in zip(self._sites.items(), self._live.sites, strict=True)
        ]


def _quadrants(gate: Tensor, in_: Tensor, counted: Tensor) -> Tensor:
    """The place of each value's quadrant (# neuron position, int8); -1 for none, and where nothing is counted."""
    found = torch.full(gate.shape, -1, dtype=torch.int8, device=gate.device)
    for quadrant in QUADRANTS:
        inside = (gate * quadrant.gate_sign > 0) & (in_ * quadrant.in_sign > 0) & counted
        found.masked_fill_(inside, quadrant.place)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """The lists of a site as arrays of entries, an entry for each list, neuron and rank."""

    arrays: SiteArrays
    window: tuple[int, int]
    by_text: Int64  # the entries in the order of their texts
    texts: Int64  # their texts, in that order
    sequence: Int64  # list neuron rank, as are those below; -1: no entry
    wanted: Float32  # the value that the data set tells
    found: npt.NDArray[np.bool_]
    position: Int32
    values: Float32  # ... quantity
    scale: Float32  # ... lane
    lanes: Int8  # ... lane slot

    @classmethod
    def of(cls, site: SiteArrays, window: tuple[int, int]) -> _Lists:
        sequence = np.stack([one.sequence for one in site.lists])
        quantities = [list(QUANTITIES).index(Quantity(one.ranking)) for one in site.lists]
        wanted = np.stack([one.values[..., place] for one, place in zip(site.lists, quantities, strict=True)])
        shape, slots = sequence.shape, window[0] + 1 + window[1]
        by_text = np.argsort(sequence, axis=None, kind="stable")
        return cls(
            site,
            window,
            by_text,
            sequence.ravel()[by_text],
            sequence,
            wanted,
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.int32),
            np.zeros((*shape, len(QUANTITIES)), np.float32),
            np.zeros((*shape, len(_LANES)), np.float32),
            np.full((*shape, len(_LANES), slots), -128, np.int8),
        )

    def take(self, number: int, lanes: Tensor, counted: Tensor) -> None:
        """Find the entries of a text in its values (# quantity position neuron)."""
        first, stop = np.searchsorted(self.texts, [number, number + 1])
        if first == stop:
            return
        by_neuron = lanes.transpose(1, 2).contiguous()  # quantity neuron position: an entry reads whole rows
        places = _quadrants(by_neuron[0], by_neuron[1], counted)
        together = max(1, _AT_ONCE // lanes.shape[1])
        for start in range(first, stop, together):
            self._take(self.by_text[start : min(start + together, stop)], lanes, (by_neuron, places), counted)
        self._agree(self.by_text[first:stop])

    def _take(self, entries: Int64, lanes: Tensor, rows: tuple[Tensor, Tensor], counted: Tensor) -> None:
        which, neuron, _ = np.unravel_index(entries, self.sequence.shape)
        quadrants = np.array([one.quadrant.place for one in self.arrays.lists], np.int8)[which]
        quantities = np.array([list(QUANTITIES).index(Quantity(one.ranking)) for one in self.arrays.lists])[which]
        by_neuron, places = rows
        quadrant, quantity, place, wanted = (
            torch.from_numpy(one).to(lanes.device)
            for one in (quadrants, quantities, neuron, self.wanted.ravel()[entries])
        )
        away = (by_neuron[quantity, place] - wanted[:, None]).abs_()  # entry position
        off, best = away.masked_fill_(places[place] != quadrant[:, None], torch.inf).min(1)
        near = off <= NEAR * wanted.abs()
        exact = by_neuron[:, place, best].T  # entry quantity
        before, after = self.window
        slots = best[:, None] + torch.arange(-before, after + 1, device=lanes.device)
        there = (slots >= 0) & (slots < lanes.shape[1])
        there &= counted[slots.clamp(0, lanes.shape[1] - 1)]
        kept = tuple(lanes[QUANTITIES.index(one)] for one in _LANES)
        codes, scale = gather_windows(kept, torch.where(there, slots, -1), place)
        self.found.reshape(-1)[entries] = near.cpu().numpy()
        self.position.reshape(-1)[entries] = best.cpu().numpy()
        self.values.reshape(-1, len(QUANTITIES))[entries] = exact.cpu().numpy()
        self.scale.reshape(-1, len(_LANES))[entries] = scale.cpu().numpy()
        self.lanes.reshape(-1, len(_LANES), self.lanes.shape[-1])[entries] = codes.cpu().numpy()

    def _agree(self, entries: Int64) -> None:
        """Give each peak the values that the data set tells of it, in every list that has the peak."""
        entries = entries[self.found.ravel()[entries]]
        which, neuron, _ = np.unravel_index(entries, self.sequence.shape)
        position = self.position.ravel()[entries].astype(np.int64)
        _, peak = np.unique(neuron * (position.max(initial=0) + 1) + position, return_inverse=True)
        for place, quantity in enumerate(QUANTITIES):
            own = np.array([one.ranking == quantity.value for one in self.arrays.lists])[which]
            told = np.full(peak.max(initial=-1) + 1, np.nan, np.float32)
            told[peak[own]] = self.wanted.ravel()[entries[own]]
            values = self.values.reshape(-1, len(QUANTITIES))
            values[entries, place] = np.where(np.isnan(told[peak]), values[entries, place], told[peak])

    def lists(self) -> tuple[ListArrays, ...]:
        """The lists, with the entries that were found, in their order."""
        return tuple(self._list(place, one) for place, one in enumerate(self.arrays.lists))

    def _list(self, place: int, ranked: ListArrays) -> ListArrays:
        order = np.argsort(~self.found[place], axis=1, kind="stable")  # neuron rank
        neuron = np.arange(len(order))[:, None]
        sequence = np.where(self.found[place], self.sequence[place], -1)
        return ListArrays(
            ranking=ranked.ranking,
            quadrant=ranked.quadrant,
            sequence=sequence[neuron, order],
            position=self.position[place][neuron, order],
            values=self.values[place][neuron, order],
            scale=self.scale[place][neuron, order],
            lanes=self.lanes[place][neuron, order],
        )
