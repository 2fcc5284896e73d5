"""What a run has found so far: statistics, best examples and sampled values of every site, fed batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..devices import upload
from ..quadrants import LANES, QUADRANTS, QUANTITIES
from ..ranking import RANKINGS
from ..settings import Settings
from .deferred import Steps, at_once
from .hashing import fold_keys, position_hashes
from .offers import Order, Standing, Survey, larger, survey
from .rankings import BestK, Offers, RankingList, beating, random_keys
from .reduction import Activations, Fuser, Peaks, first_positions, peak_positions, signed_extremes
from .sample import SCALE, Ints, PositionSample
from .windows import gather_windows

if TYPE_CHECKING:
    from .cpu.rows import Deciders, Rows

TOGETHER = 65536
"""Windows that are gathered at once."""

_SCATTERED = 16  # times as long takes a value that is fetched alone than one that is read with its neighbours


class NonFiniteError(Exception):
    """A value of the batch is NaN or infinite; `row` is its sequence's place in the batch."""

    def __init__(self, row: int) -> None:
        super().__init__(f"a value in row {row} is not finite")
        self.row = row


@dataclass(frozen=True)
class BatchView:
    """What the statistics of every site need to know of a batch; tensors are on the sites' device."""

    sequence: Tensor  # sequence; numbers in the order of the corpus
    length: Tensor  # sequence
    counted: Tensor  # sequence position 1, int32: -1 (all bits) or 0
    hashes: Tensor  # sequence position, int64
    by_hash: Tensor  # sequence rank: positions, smallest hash first
    priority: Tensor  # sequence position 1, float32: number of positions - rank by hash
    folds: Tensor  # sequence position, int64
    sampled: Tensor  # 3 sampled, int64: positions that enter the sample: slot, row of the sequence, position
    first: int  # the first counted position
    tokens_counted: int

    def to(self, device: torch.device) -> BatchView:
        """The same on another device."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        values |= {name: upload(tensor, device) for name, tensor in tensors.items()}
        return BatchView(**values)

    def rows(self, part: slice) -> BatchView:
        """The same of some sequences of the batch, without a gap, padded as they were; on the CPU."""
        names = ("sequence", "length", "counted", "hashes", "by_hash", "priority", "folds")
        tensors = {name: getattr(self, name)[part] for name in names}
        row = self.sampled[1]
        sampled = self.sampled[:, (row >= part.start) & (row < part.stop)]
        sampled[1] -= part.start
        return replace(self, **tensors, sampled=sampled, tokens_counted=-int(tensors["counted"].sum()))

    @cached_property
    def rows_counted(self) -> Rows:
        """Which positions count, on the CPU, for its loops."""
        from .cpu.rows import sequence_rows

        return sequence_rows(self.counted, self.priority)

    @cached_property
    def deciders(self) -> Deciders:
        """What decides between examples, on the CPU, for its loops."""
        from .cpu.rows import Deciders

        keys = random_keys(self.hashes.gather(1, self.by_hash)).flip(1)  # sequence priority - 1
        keys = torch.cat([torch.full_like(keys[:, :1], -1), keys], 1)
        return Deciders(self.sequence.numpy(), self.by_hash.numpy(), keys.numpy(), self.folds.numpy())


def view_batch(
    ids: npt.NDArray[np.int64],
    length: Ints,
    sequence: Ints,
    document: Ints,
    part: Ints,
    settings: Settings,
    sample: PositionSample,
) -> BatchView:
    """Prepare a padded batch, `ids` sequence position, on the CPU; its positions enter the sample."""
    first = 0 if settings.count_first else 1
    positions = np.arange(ids.shape[1])
    counted = (positions >= first) & (positions < length[:, None])
    hashes = position_hashes(settings.seed, document[:, None], part[:, None], positions[None, :])
    by_hash = np.argsort(hashes, axis=1, kind="stable")
    priority = np.empty(ids.shape, dtype=np.float32)
    np.put_along_axis(priority, by_hash, (ids.shape[1] - positions[None, :]).astype(np.float32), axis=1)
    return BatchView(
        sequence=torch.from_numpy(sequence),
        length=torch.from_numpy(length),
        counted=torch.from_numpy(-counted[:, :, None].astype(np.int32)),
        hashes=torch.from_numpy(hashes),
        by_hash=torch.from_numpy(by_hash),
        priority=torch.from_numpy(priority[:, :, None]),
        folds=torch.from_numpy(fold_keys(ids, length, settings.fold_after)),
        sampled=torch.from_numpy(np.stack(sample.offer(hashes, counted, sequence))),
        first=first,
        tokens_counted=int(counted.sum()),
    )


def magnitude_lists(settings: Settings) -> tuple[RankingList, ...]:
    """The lists of a neuron that are ranked by the magnitude of a quantity."""
    return _lists(settings, drawn=False)


def random_lists(settings: Settings) -> tuple[RankingList, ...]:
    """The lists of a neuron whose examples are drawn."""
    return _lists(settings, drawn=True)


def _lists(settings: Settings, *, drawn: bool) -> tuple[RankingList, ...]:
    chosen = (RANKINGS[name] for name in settings.rank_by)
    return tuple(RankingList(one.name, quadrant) for one in chosen if one.drawn is drawn for quadrant in one.quadrants)


def drawn_examples(settings: Settings) -> int:
    """Examples that a list of `random_lists` keeps."""
    return max((RANKINGS[name].k(settings.top_k) for name, _ in random_lists(settings)), default=1)


def bytes_per_neuron(settings: Settings, lanes: int) -> int:
    """Memory that the state takes for one neuron."""
    example = 8 + 8 + 8 + 4 + 16 + lanes * (4 + sum(settings.window) + 1)
    magnitude, random = len(magnitude_lists(settings)), len(random_lists(settings))
    examples = (magnitude * settings.top_k + random * drawn_examples(settings)) * example + (magnitude + random) * 8
    statistics = len(QUADRANTS) * 8 + len(QUADRANTS) * len(QUANTITIES) * (8 + 4)
    return examples + statistics + settings.sample * (lanes - 1) * 2


class SiteState:
    """The state of one site. A batch enters by `add`; nothing in it grows with the corpus."""

    def __init__(
        self, width: int, settings: Settings, *, sign_preserving: bool, keep_act: bool, device: torch.device
    ) -> None:
        self.width = width
        self.settings = settings
        self.sign_preserving = sign_preserving
        self.quantities = LANES if keep_act else LANES[:-1]
        self.torn = False
        self.tokens_counted = 0
        self.count = torch.zeros((4, width), dtype=torch.int64, device=device)  # quadrant neuron
        self.total = torch.zeros((16, width), dtype=torch.float64, device=device)  # quantity*quadrant neuron
        self.extreme = torch.zeros((16, width), dtype=torch.float32, device=device)
        before, after = settings.window
        self.offsets = torch.arange(-before, after + 1, device=device)
        window, lanes = before + 1 + after, len(self.quantities)
        self.ranked = BestK(magnitude_lists(settings), width, settings.top_k, window, lanes, device)
        self.random = BestK(random_lists(settings), width, drawn_examples(settings), window, lanes, device)
        # lane slot neuron: the lanes without post, which is act * in
        self.sample = torch.zeros(
            (len(self.quantities) - 1, settings.sample, width), dtype=torch.float16, device=device
        )
        self.rows = ranked_rows(settings)
        self._rows = torch.tensor(self.rows, dtype=torch.int64, device=device)
        self.signs = row_signs(device)

    def add(self, values: Activations, batch: BatchView, fuse: Fuser) -> None:
        """Take all the steps of merging a batch at once: see `steps`."""
        at_once(self.steps(values, batch, fuse))

    def steps(self, values: Activations, batch: BatchView, fuse: Fuser) -> Steps:
        """Merge what the site computed for a batch, in whatever type it computed it.

        Until the last step the state is as before, and another batch must not be begun. Raises NonFiniteError, and then
        it stays so. Where memory runs out on the way, `torn` tells whether the state took in a part of the batch.
        """
        if fuse.loops(values.gate):
            self.walk(values, batch, fuse)
            return
        values = values.readable()
        found = self._survey(values, batch, fuse)
        numbers = yield found.tally
        infinite, ranked, random = numbers[:-6], numbers[-6:-3], numbers[-3:]
        if infinite.any():
            raise NonFiniteError(int(infinite.argmax()))
        self.torn = True
        self.tokens_counted += batch.tokens_counted
        extreme = found.extreme
        if not self.sign_preserving:  # then act and post have no one sign in a quadrant
            for part, quantity in ((slice(8, 12), 2), (slice(12, 16), 3)):
                extreme[part] = larger(self.extreme[part], signed_extremes(values, batch.counted, quantity))
        self.count.copy_(found.counts)
        self.total.copy_(found.total)
        self.extreme.copy_(extreme)
        if ranked.any():
            row, column = beating(found.ranked_keys, self.ranked.threshold, int(ranked[0]))
            position = self._positions(values, batch, found.magnitudes, row, column, fuse)
            key = found.ranked_keys[row, column]
            self._enter(self.ranked, values, batch, key, (row, position, column), ranked, fuse)
        if random.any():
            row, column = beating(found.random_keys, self.random.threshold, int(random[0]))
            key, position = found.random_keys[row, column], found.random_position[row, column]
            self._enter(self.random, values, batch, key, (row, position, column), random, fuse)
        self._add_sample(values, batch)
        self.torn = False

    def walk(self, values: Activations, batch: BatchView, fuse: Fuser) -> None:
        """`add` on the CPU, in loops: of float32 or bfloat16."""
        from .cpu.walk import Walk

        walk = Walk(values, batch.rows_counted, fuse, sites=1, sign_preserving=self.sign_preserving)
        if walk.infinite is not None:
            raise NonFiniteError(walk.infinite)
        self.torn = True
        self.tokens_counted += batch.tokens_counted
        walk.absorb(self, batch.deciders)
        self._add_sample(values, batch)
        self.torn = False

    def _survey(self, values: Activations, batch: BatchView, fuse: Fuser) -> Survey:
        standing = Standing(
            self.count, self.total, self.extreme, self.signs, self.ranked.threshold, self.random.threshold
        )
        order = Order(batch.sequence, batch.hashes, batch.by_hash)
        return survey(values, batch.counted, batch.priority, order, standing, self._rows, fuse)

    def merge(self, other: SiteState, ours: Ints, theirs: Ints) -> None:
        """Take in the state of the same site fed from other batches; `other` stays as it is.

        Sampled slots `ours` take the values of the other's slots `theirs`, as `PositionSample.merge` tells.
        """
        self.tokens_counted += other.tokens_counted
        self.count += other.count
        self.total += other.total
        self.extreme.copy_(larger(self.extreme, other.extreme))
        fold = self.settings.duplicates == "fold"
        self.ranked.merge(other.ranked, fold=fold)
        self.random.merge(other.random, fold=fold)
        to, source = (torch.from_numpy(slots).to(self.sample.device) for slots in (ours, theirs))
        self.sample[:, to] = other.sample[:, source]

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint keeps, by name."""
        lists = {
            f"{name}.{key}": t for name in ("ranked", "random") for key, t in getattr(self, name).tensors().items()
        }
        own = {"count": self.count, "total": self.total, "extreme": self.extreme, "sample": self.sample}
        return {**own, **lists, "tokens_counted": torch.tensor([self.tokens_counted])}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        for name in ("count", "total", "extreme", "sample"):
            getattr(self, name).copy_(tensors[name])
        for name in ("ranked", "random"):
            prefix = f"{name}."
            getattr(self, name).restore(
                {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
            )
        self.tokens_counted = int(tensors["tokens_counted"][0])

    def _positions(
        self, values: Activations, batch: BatchView, magnitudes: Tensor, row: Tensor, column: Tensor, fuse: Fuser
    ) -> Tensor:
        """First position at which each offer reaches its magnitude: `row` and `column` of each."""
        rows, _, width = values.gate.shape
        if len(row) * _SCATTERED > rows * width:
            whole = first_positions(values, batch.counted, magnitudes, self.rows, fuse)
            return whole.flatten(1)[row, column]
        kind, neuron = self._rows[column // width], column % width
        peaks = Peaks(row, neuron, kind, magnitudes[row, kind, neuron])
        return peak_positions(values, batch.counted, peaks, {row // 4 for row in self.rows})

    def _enter(
        self,
        best: BestK,
        values: Activations,
        batch: BatchView,
        key: Tensor,
        where: tuple[Tensor, Tensor, Tensor],
        extent: Ints,
        fuse: Fuser,
    ) -> None:
        """Enter offers and keep the windows of those that stay.

        `where`: row, position and column of each, those of a column side by side; `extent`: as `rankings.extent` tells.
        """
        row, position, column = where
        fold = batch.folds[row, position] if self.settings.duplicates == "fold" else None
        offers = Offers(column, key, fold, batch.sequence[row], position)
        slot, offer = best.enter(offers, int(extent[1]), int(extent[2]))
        lanes = tuple(values[QUANTITIES.index(name)] for name in self.quantities)
        for place, block in zip(torch.split(slot, TOGETHER), torch.split(offer, TOGETHER), strict=True):
            peak = (row[block], position[block], column[block] % self.width)
            codes, scale = fuse(gather_windows, lanes, *peak, batch.first, batch.length, self.offsets)
            best.keep(place, codes, scale, at_peaks(values, peak))

    def _add_sample(self, values: Activations, batch: BatchView) -> None:
        if not batch.sampled.numel():
            return
        slot, row, position = batch.sampled
        for lane, value in enumerate((values.gate, values.in_, values.act)[: len(self.sample)]):
            self.sample[lane, slot] = narrowed(value[row, position])


def narrowed(values: Tensor) -> Tensor:
    """Sampled values as they are kept: float16, divided by SCALE. `values` belong to nobody else."""
    limit = torch.finfo(torch.float16).max
    return values.to(torch.float32).div_(SCALE).clamp_(-limit, limit).to(torch.float16)


def at_peaks(values: Activations, where: tuple[Tensor, ...]) -> Tensor:
    """The four values at some places: place quantity, float32."""
    return torch.stack([value[where].to(torch.float32) for value in values], 1)


def ranked_rows(settings: Settings) -> tuple[int, ...]:
    """The row of quantity * 4 + quadrant that each magnitude list ranks by."""
    return tuple(QUANTITIES.index(name) * 4 + QUADRANTS.index(quadrant) for name, quadrant in magnitude_lists(settings))


def row_signs(device: torch.device) -> Tensor:
    """The sign of a quantity inside a quadrant, for activations that keep the sign of their input: 16 1, float32."""
    signs = [(q.gate_sign, q.in_sign, q.gate_sign, q.gate_sign * q.in_sign) for q in QUADRANTS]  # quadrant quantity
    return torch.tensor(signs, dtype=torch.float32, device=device).T.reshape(16, 1)
