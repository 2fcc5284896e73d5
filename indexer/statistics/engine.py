"""The interface of the engines that merge batches, and the tensors that they merge into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from ..quadrants import Quantity
from ..settings import Settings
from .activations import Activations
from .batch import BatchView
from .best_k import BestK
from .deferred import Steps
from .placement import Placement
from .row_layout import RowLayout
from .sample import Ints


class Form(NamedTuple):
    """What the sites of a stack have in common."""

    width: int
    sign_preserving: bool  # act has the sign of gate
    lanes: tuple[Quantity, ...]  # the quantities that windows keep


class Sampling(NamedTuple):
    """The positions of a batch that may enter the samples of sites."""

    site: Tensor  # offer
    row: Tensor  # offer: the place of its values among the rows of the batch
    enters: Tensor  # offer: whether it may enter
    number: Tensor  # site, int64: how many of its offers may enter; empty if all do


class Filled(Protocol):
    """The statistics, lists and samples of the sites of a stack; its tensors are written in place."""

    form: Form
    settings: Settings
    layout: RowLayout
    count: Tensor  # site quadrant neuron, int64
    total: Tensor  # site 16 neuron, float64
    extreme: Tensor  # site 16 neuron, float32
    signs: Tensor  # 16 1, float32: of each row inside its quadrant
    ranked: BestK
    drawn: BestK
    ranked_rows: tuple[int, ...]  # for each list by magnitude of a site: the row of magnitudes that orders it
    drawn_rows: tuple[int, ...]
    ranked_index: Tensor  # the same on the device, int64
    drawn_index: Tensor

    def begin(self, counted: Sequence[int]) -> None:
        """Begin to enter a batch; `counted`: the counted positions of each site."""

    def end(self) -> None:
        """All of a batch has entered."""

    def sampling(self, placement: Placement, batch: BatchView) -> Sampling:
        """Which of a batch's positions may enter the samples."""

    def enter_sample(
        self, values: Activations, placement: Placement, batch: BatchView, sampling: Sampling, numbers: Ints
    ) -> None:
        """Enter them; `values`: `# row neuron`, `numbers`: those of `sampling.number`."""


class Engine(Protocol):
    """A way to merge batches; every engine leaves the same state."""

    @property
    def name(self) -> str:
        """How batches were merged: by numba's "loops", by Triton's "kernels", or by torch operations, "compiled" or as
        plain "tensors".
        """

    def steps(self, of: Filled, values: Activations, placement: Placement, batch: BatchView) -> Steps:
        """Merge the values that the sites of a stack computed for a batch, in any dtype.

        No other batch may begin before the last step. If this raises NonFiniteError, the state is unchanged.
        """
