"""The engine of numba's loops: a batch goes through twice. `sweep` reads it, `absorb` merges what `sweep` found."""

from __future__ import annotations

import numpy as np

from ..activations import Activations
from ..batch import BatchView, NonFiniteError
from ..deferred import Steps
from ..engine import Filled
from ..placement import Placement
from .absorb import absorb
from .crew import Crew
from .rows import Deciders, Rows, deciders, kept_rows, laid_out
from .sweep import sweep


class Loops:
    """Merges batches on the CPU."""

    name = "loops"

    def __init__(self) -> None:
        self._crew = Crew()
        self._batch: BatchView | None = None  # the last one, and the ranks made from it: sites share batches
        self._rows: Rows | None = None
        self._deciders: Deciders | None = None

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """As in `Engine`, in a single step."""
        yield from ()
        rows, decided = self._prepared(placement, batch)
        laid = laid_out(values, of.layout)
        swept = sweep(laid, rows, placement.sites, of.layout, self._crew, highest=not of.form.sign_preserving)
        infinite = np.flatnonzero(swept.finite == 0)
        if len(infinite):
            raise NonFiniteError(int(rows.sequence[infinite[0]]))
        of.begin(placement.counted)
        absorb(of, swept, laid, rows, decided, self._crew)
        sampling = of.sampling(placement, batch)
        of.enter_sample(values.rows(), placement, batch, sampling, sampling.number.numpy())
        of.end()

    def _prepared(self, placement: Placement, batch: BatchView) -> tuple[Rows, Deciders]:
        if self._batch is not batch or self._deciders is None:
            self._batch, self._rows, self._deciders = batch, None, deciders(batch)
        if not placement.alike:
            return kept_rows(placement, batch), self._deciders
        if self._rows is None:
            self._rows = kept_rows(placement, batch)
        return self._rows, self._deciders
