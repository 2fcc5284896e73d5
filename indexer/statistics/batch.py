"""What the statistics of every site need to know about a batch, apart from its values."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..devices import upload
from ..settings import Settings
from .hashing import fold_keys, position_hashes
from .sample import Ints, PositionSample


class NonFiniteError(Exception):
    """A value of the batch is NaN or infinite.

    `row` is the place of its sequence in the batch, `site` the place of its site in the stack.
    """

    def __init__(self, row: int, site: int = 0) -> None:
        super().__init__(f"a value in row {row} is not finite")
        self.row = row
        self.site = site


@dataclass(frozen=True)
class BatchView:
    """A batch without its values; tensors are on the sites' device."""

    sequence: Tensor  # sequence; numbers in the order of the corpus
    counted: Tensor  # sequence position 1, int32: -1 (all bits) or 0
    hashes: Tensor  # sequence position, int64
    by_hash: Tensor  # sequence rank: positions, smallest hash first
    priority: Tensor  # sequence position 1, float32: number of positions - rank by hash
    folds: Tensor  # sequence position, int64
    sampled: Tensor  # 3 sampled, int64: positions that enter the shared sample: slot, row of the sequence, position
    tokens_counted: int

    def to(self, device: torch.device) -> BatchView:
        """The same on another device."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        values |= {name: upload(tensor, device) for name, tensor in tensors.items()}
        return BatchView(**values)

    def rows(self, part: slice) -> BatchView:
        """The same for some consecutive sequences of the batch, padded as before; on the CPU."""
        names = ("sequence", "counted", "hashes", "by_hash", "priority", "folds")
        tensors = {name: getattr(self, name)[part] for name in names}
        row = self.sampled[1]
        sampled = self.sampled[:, (row >= part.start) & (row < part.stop)]
        sampled[1] -= part.start
        return replace(self, **tensors, sampled=sampled, tokens_counted=-int(tensors["counted"].sum()))


def view_batch(
    ids: npt.NDArray[np.int64],
    length: Ints,
    sequence: Ints,
    place: tuple[Ints, Ints],
    settings: Settings,
    sample: PositionSample,
    chosen: npt.NDArray[np.bool_] | None = None,
) -> BatchView:
    """Prepare a padded batch, `ids` sequence position, on the CPU; its positions enter the sample.

    `place`: document and part of each sequence. `chosen`: the positions that may be counted, sequence position; None:
    all of them.
    """
    document, part = place
    first = 0 if settings.count_first else 1
    positions = np.arange(ids.shape[1])
    counted = (positions >= first) & (positions < length[:, None])
    if chosen is not None:
        counted &= chosen
    hashes = position_hashes(settings.seed, document[:, None], part[:, None], positions[None, :])
    by_hash = np.argsort(hashes, axis=1, kind="stable")
    priority = np.empty(ids.shape, dtype=np.float32)
    np.put_along_axis(priority, by_hash, (ids.shape[1] - positions[None, :]).astype(np.float32), axis=1)
    return BatchView(
        sequence=torch.from_numpy(sequence),
        counted=torch.from_numpy(-counted[:, :, None].astype(np.int32)),
        hashes=torch.from_numpy(hashes),
        by_hash=torch.from_numpy(by_hash),
        priority=torch.from_numpy(priority[:, :, None]),
        folds=torch.from_numpy(fold_keys(ids, length, settings.fold_after)),
        sampled=torch.from_numpy(np.stack(sample.offer(hashes, counted, sequence))),
        tokens_counted=int(counted.sum()),
    )
