"""A batch on its way into the state of a site, or of the experts of a layer, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ...quadrants import QUANTITIES
from ..reduction import Activations, Fuser
from .absorb import Keeping, Statistics, absorb
from .rows import Deciders, Rows, laid_out
from .sweep import sweep

if TYPE_CHECKING:
    from ..expert_state import ExpertStack
    from ..site_state import SiteState


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

    def absorb(self, state: SiteState | ExpertStack, deciders: Deciders) -> None:
        """Merge the statistics, and enter the examples, in the state of the site or of the experts."""
        lanes = tuple(QUANTITIES.index(name) for name in state.quantities)
        read = {*lanes, *(row // 4 for row in state.rows)}
        fold = state.settings.duplicates == "fold"
        absorb(
            self._found,
            self._values,
            self._rows,
            deciders,
            Statistics.of(state.count, state.total, state.extreme, state.signs),
            (state.ranked, state.rows),
            state.random,
            Keeping(np.array(lanes), np.array(sorted(read)), state.settings.window[0], fold),
            self._threads,
            self._pool,
        )
