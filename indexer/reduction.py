"""A batch's quadrant statistics of one site: pure tensor functions, written so that a compiler can fuse them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from .quadrants import QUADRANTS, QUANTITIES

Result = TypeVar("Result")

RANDOM_ROW = len(QUANTITIES) * len(QUADRANTS)
"""In `Reduction.magnitudes`, the first of the four rows of the random ranking."""


class Activations(NamedTuple):
    """What a site computed for a batch, float32, each `# sequence position neuron`."""

    gate: Tensor
    in_: Tensor
    act: Tensor
    post: Tensor


class Reduction(NamedTuple):
    """Statistics of every sequence of a batch on its own.

    Rows of `totals` and `magnitudes` are quantity * 4 + quadrant, in the order of QUANTITIES and QUADRANTS.
    """

    counts: Tensor  # sequence quadrant neuron, float32 (exact)
    totals: Tensor  # sequence 16 neuron, float64
    magnitudes: Tensor  # sequence 20 neuron: the largest |value|, 0 where the quadrant holds none; then priorities
    finite: Tensor  # sequence neuron: a sum that is finite if every counted value is


def _quadrant_masks(values: Activations, counted: Tensor) -> tuple[Tensor, ...]:
    """Where each quadrant is visited: four masks `# sequence position neuron`, by the signs of gate and in alone."""
    opened = (values.gate > 0) & counted
    closed = (values.gate < 0) & counted
    positive, negative = values.in_ > 0, values.in_ < 0
    return opened & positive, opened & negative, closed & positive, closed & negative


def reduce_batch(values: Activations, counted: Tensor, priority: Tensor) -> Reduction:
    """Counts, sums and largest magnitudes of each quadrant, quantity, sequence and neuron.

    `counted`: sequence position 1, bool. `priority`: sequence position 1, float32 > 0, larger for a smaller hash:
    the largest in a quadrant is the sequence's offer to the random ranking.
    """
    masks = _quadrant_masks(values, counted)
    count = torch.stack([mask.sum(1, dtype=torch.float32) for mask in masks], 1)
    totals, magnitudes = [], []
    for value in values:
        for mask in masks:
            inside = torch.where(mask, value, 0.0)  # sequence position neuron
            totals.append(inside.sum(1, dtype=torch.float64))
            magnitudes.append(inside.abs().amax(1))
    magnitudes += [torch.where(mask, priority, 0.0).amax(1) for mask in masks]
    finite = torch.where(counted, values.gate.abs() + values.in_.abs() + values.post.abs(), 0.0).sum(1)
    return Reduction(count, torch.stack(totals, 1), torch.stack(magnitudes, 1), finite)


def first_positions(values: Activations, counted: Tensor, magnitude: Tensor, rows: tuple[int, ...]) -> Tensor:
    """The first position in each sequence where a quadrant's largest magnitude stands.

    `magnitude`: sequence 20 neuron, of `reduce_batch`; `rows`: those wanted. Returns sequence row neuron, int64;
    without meaning where the magnitude is 0.
    """
    masks = _quadrant_masks(values, counted)
    length = values.gate.shape[1]
    # The largest distance from the end is the first position; float32 holds it exactly up to 2^24 tokens.
    distance = torch.arange(length, 0, -1, dtype=torch.float32, device=counted.device)[None, :, None]
    found = []
    for row in rows:
        hit = masks[row % 4] & (values[row // 4].abs() == magnitude[:, row, None, :])
        found.append(torch.where(hit, distance, 0.0).amax(1))
    return length - torch.stack(found, 1).to(torch.int64)


def signed_extremes(values: Activations, counted: Tensor, quantity: int) -> Tensor:
    """The value of the largest magnitude of each quadrant, signed, for activations whose sign is not their input's.

    Returns quadrant neuron, over the whole batch.
    """
    value = values[quantity]
    extremes = []
    for mask in _quadrant_masks(values, counted):
        inside = torch.where(mask, value, 0.0)
        high, low = inside.amax((0, 1)), inside.amin((0, 1))
        extremes.append(torch.where(high >= -low, high, low))
    return torch.stack(extremes)


class Fuser:
    """Compiles pure tensor functions, and falls back to running them as they are where that fails."""

    def __init__(self, enabled: bool, notice: Callable[[str], None]) -> None:
        self.enabled = enabled
        self._notice = notice
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def __call__(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """The function's result on the arguments, fused if that works here."""
        if not self.enabled:
            return function(*arguments)
        if function not in self._compiled:
            self._compiled[function] = torch.compile(function, dynamic=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result: Result = self._compiled[function](*arguments)
                return result
        except (RuntimeError, OSError, ImportError) as error:
            # torch wraps a missing compiler, missing headers and its own limits in RuntimeErrors of many kinds.
            if isinstance(error, torch.OutOfMemoryError):
                raise
            self.enabled = False
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self._notice(f"statistics run uncompiled, slower: {reason}")
            return function(*arguments)
