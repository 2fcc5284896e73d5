"""A batch on its way into the state of a site, or of the experts of a layer, on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..rankings import BestK
from ..reduction import Activations, Fuser
from .absorb import Keeping, Statistics, absorb
from .rows import Deciders, Rows, laid_out
from .sweep import sweep


class Walk:
    """What a site, or some of equal width, computed for a batch, and what was found in it. No state has it yet."""

    def __init__(self, values: Activations, rows: Rows, fuse: Fuser, *, sites: int, sign_preserving: bool) -> None:
        """`values`: float32 or bfloat16, each `# sequence position neuron`, or `# row neuron` of routed rows."""
        self._values = laid_out(values)
        self._rows = rows
        self._pool = fuse.pool
        self._threads = torch.get_num_threads()
        self._found = sweep(self._values, rows, sites, self._threads, self._pool, highest=not sign_preserving)

    @property
    def infinite(self) -> int | None:
        """The place in the batch of a sequence with a counted value that is NaN or infinite, if there is one."""
        cells = np.flatnonzero(self._found.finite == 0)
        return int(self._rows.sequence[cells[0]]) if len(cells) else None

    def absorb(
        self,
        statistics: tuple[Tensor, Tensor, Tensor, Tensor],
        ranked: tuple[BestK, tuple[int, ...]],
        random: BestK,
        windows: tuple[tuple[int, ...], int],
        deciders: Deciders,
        *,
        fold: bool,
    ) -> None:
        """Merge the statistics (counts, sums, extremes and their signs), and enter the examples.

        `ranked`: lists of a site, and the row of quantity * 4 + quadrant that each ranks by. `windows`: the quantities
        kept, and tokens before the peak. `fold`: duplicates are one example.
        """
        lanes, before = windows
        read = {*lanes, *(row // 4 for row in ranked[1])}
        absorb(
            self._found,
            self._values,
            self._rows,
            deciders,
            Statistics.of(*statistics),
            ranked,
            random,
            Keeping(np.array(lanes), np.array(sorted(read)), before, fold),
            self._threads,
            self._pool,
        )
