"""A batch's quadrant statistics of one site: pure tensor functions, written so that a compiler can fuse them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..quadrants import QUADRANTS, QUANTITIES

Result = TypeVar("Result")

RANDOM_ROW = len(QUANTITIES) * len(QUADRANTS)
"""In `Reduction.magnitudes`, the first of the four rows of the random ranking."""

_SPAN = 32
_FETCHED = 2**22  # values of a quantity that are fetched at once
_MAGNITUDE = 0x7FFFFFFF  # a float32 without its sign
_INFINITY = 0x7F800000

_ONE_KERNEL = {"max_fusion_size": 256, "cpp.max_horizontal_fusion_size": 256}
"""By default inductor makes several loops of so many results, each of which reads the values and makes the masks."""


class Activations(NamedTuple):
    """What a site computed for a batch, each `# sequence position neuron`, in the types of the model."""

    gate: Tensor
    in_: Tensor
    act: Tensor
    post: Tensor

    def span(self, part: slice) -> Activations:
        """The same at some positions."""
        return Activations(*(value[:, part] for value in self))

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(value.nbytes for value in self)

    def readable(self) -> Activations:
        """The same as tensor operations read them well: in float32 on a CPU, elsewhere as they are."""
        if self.gate.device.type != "cpu":
            return self
        return Activations(*(value.to(torch.float32) for value in self))


class Reduction(NamedTuple):
    """Statistics of every sequence of a batch on its own.

    Rows of `totals` and `magnitudes` are quantity * 4 + quadrant, in the order of QUANTITIES and QUADRANTS.
    """

    counts: Tensor  # sequence quadrant neuron, int32
    totals: Tensor  # sequence 16 neuron, float64
    magnitudes: Tensor  # sequence 20 neuron: the largest |value|, 0 where the quadrant holds none; then priorities
    finite: Tensor  # sequence neuron: whether every counted value is


def reduce_batch(values: Activations, counted: Tensor, priority: Tensor, fuse: Fuser) -> Reduction:
    """Counts, sums and largest magnitudes of each quadrant, quantity, sequence and neuron.

    `counted`: sequence position 1, int32, -1 (all bits) or 0. `priority`: sequence position 1, float32 > 0, larger for
    a smaller hash: the largest in a quadrant is the sequence's offer to the random ranking.
    """
    if fuse.enabled:
        return fuse(reduce_whole, values, counted, priority)
    parts = (reduce_whole(values.span(part), counted[:, part], priority[:, part]) for part in _spans(values))
    whole = next(parts)
    for part in parts:
        whole = Reduction(
            whole.counts + part.counts,
            whole.totals + part.totals,
            torch.maximum(whole.magnitudes, part.magnitudes),
            whole.finite & part.finite,
        )
    return whole


def first_positions(
    values: Activations, counted: Tensor, magnitudes: Tensor, rows: tuple[int, ...], fuse: Fuser
) -> Tensor:
    """The first position in each sequence where a quadrant's largest magnitude stands.

    `magnitudes`: sequence 20 neuron, of `reduce_batch`; `rows`: those wanted. Returns sequence row neuron, int64;
    without meaning where the magnitude is 0.
    """
    length = values.gate.shape[1]
    # the largest distance from the end is the first position
    distance = torch.arange(length, 0, -1, dtype=torch.int32, device=counted.device)[None, :, None]
    if fuse.enabled:
        farthest = fuse(_farthest, values, counted, distance, magnitudes, rows)
    else:
        spans = _spans(values)
        farthest = torch.stack(
            [_farthest(values.span(s), counted[:, s], distance[:, s], magnitudes, rows) for s in spans]
        ).amax(0)
    return length - farthest.to(torch.int64)


class Peaks(NamedTuple):
    """Some of the largest magnitudes of sequences."""

    row: Tensor  # peak: the sequence's place in the batch
    neuron: Tensor  # peak
    kind: Tensor  # peak: quantity * 4 + quadrant
    magnitude: Tensor  # peak, float32


def peak_positions(values: Activations, counted: Tensor, peaks: Peaks, quantities: Collection[int]) -> Tensor:
    """What `first_positions` says of some magnitudes, of these quantities: peak, int64.

    Fetches only the values of the peaks' sequences and neurons.
    """
    length = values.gate.shape[1]
    step = max(1, _FETCHED // length)
    distance = torch.arange(length, 0, -1, dtype=torch.int32, device=counted.device)
    found = []
    for row, neuron, kind, magnitude in zip(*(torch.split(part, step) for part in peaks), strict=True):
        gate, in_ = values.gate[row, :, neuron], values.in_[row, :, neuron]  # each peak position
        wanted, kind = _bits(magnitude)[:, None], kind[:, None]
        inside = ((gate > 0) & (kind % 4 < 2)) | ((gate < 0) & (kind % 4 >= 2))
        inside &= ((in_ > 0) & (kind % 2 == 0)) | ((in_ < 0) & (kind % 2 == 1))
        hit = torch.zeros_like(inside)
        for quantity in quantities:
            value = (gate, in_)[quantity] if quantity < 2 else values[quantity][row, :, neuron]
            hit |= ((_bits(value) & _MAGNITUDE) == wanted) & (kind // 4 == quantity)
        inside &= hit & (counted[row, :, 0] != 0)
        found.append(torch.where(inside, distance, 0).amax(1))
    return length - torch.cat(found).to(torch.int64)


def _spans(values: Activations) -> list[slice]:
    """Positions in pieces: on a CPU such that their tensors stay in its cache while one operation follows the other."""
    rows, length, width = values.gate.shape
    step = _SPAN if values.gate.device.type == "cpu" else max(_SPAN, _FETCHED * 4 // (rows * width))
    return [slice(start, start + step) for start in range(0, length, step)]


def _bits(value: Tensor) -> Tensor:
    """The bits of the value in float32, as int32. Those of magnitudes order like the magnitudes.

    Masking and comparing bits takes half the instructions of the same on floats: nothing is done for NaN.
    """
    return value.to(torch.float32).view(torch.int32)


def _quadrant_masks(values: Activations, counted: Tensor) -> tuple[Tensor, ...]:
    """Where each quadrant is visited, by the signs of gate and in alone: four of -1 (all bits) or 0, int32.

    Each is `# sequence position neuron`.
    """
    opened = (values.gate > 0).to(torch.int32) * counted
    closed = (values.gate < 0).to(torch.int32) * counted
    positive, negative = -(values.in_ > 0).to(torch.int32), -(values.in_ < 0).to(torch.int32)
    return opened & positive, opened & negative, closed & positive, closed & negative


def reduce_whole(values: Activations, counted: Tensor, priority: Tensor) -> Reduction:
    """`reduce_batch` in one piece, to be compiled."""
    masks = _quadrant_masks(values, counted)
    totals, magnitudes = [], []
    largest = torch.zeros((), dtype=torch.int32, device=counted.device)
    for value in values:
        bits = _bits(value)
        magnitude = bits & _MAGNITUDE
        largest = torch.maximum(largest, magnitude & counted)
        for mask in masks:
            totals.append((bits & mask).view(torch.float32).sum(1, dtype=torch.float64))
            magnitudes.append((magnitude & mask).amax(1))
    magnitudes += [(_bits(priority) & mask).amax(1) for mask in masks]
    counts = -torch.stack([mask.sum(1, dtype=torch.int32) for mask in masks], 1)
    return Reduction(
        counts,
        torch.stack(totals, 1),
        torch.stack(magnitudes, 1).view(torch.float32),
        largest.amax(1) < _INFINITY,
    )


def _farthest(
    values: Activations, counted: Tensor, distance: Tensor, magnitudes: Tensor, rows: tuple[int, ...]
) -> Tensor:
    masks = _quadrant_masks(values, counted)
    wanted = _bits(magnitudes)
    found = []
    for row in rows:
        hit = ((_bits(values[row // 4]) & _MAGNITUDE) == wanted[:, row, None, :]).to(torch.int32)
        found.append((-hit & masks[row % 4] & distance).amax(1))
    return torch.stack(found, 1)  # sequence row neuron


def signed_extremes(values: Activations, counted: Tensor, quantity: int) -> Tensor:
    """The value of the largest magnitude of each quadrant, signed, for activations whose sign is not their input's.

    Returns quadrant neuron, over the whole batch.
    """
    value = values[quantity]
    extremes = []
    for mask in _quadrant_masks(values, counted):
        inside = (_bits(value) & mask).view(torch.float32)
        high, low = inside.amax((0, 1)), inside.amin((0, 1))
        extremes.append(torch.where(high >= -low, high, low))
    return torch.stack(extremes)


class Fuser:
    """Compiles pure tensor functions, and falls back to running them as they are where that fails.

    On the CPU numba's loops take the place of the tensor functions.
    """

    def __init__(self, enabled: bool, notice: Callable[[str], None], *, loops: bool = True) -> None:
        """`loops` False has the CPU use the tensor functions as well."""
        self.enabled = enabled
        self._loops = enabled and loops
        self._tried: set[torch.dtype] = set()
        self._notice = notice
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def loops(self, values: Tensor) -> bool:
        """Whether numba's loops are to read such values: on the CPU, of float32 or bfloat16, where numba works."""
        if not self._loops or values.device.type != "cpu" or values.dtype not in (torch.float32, torch.bfloat16):
            return False
        if values.dtype not in self._tried:
            self._tried.add(values.dtype)
            lacking = self._try(values.dtype)
            if lacking is not None:
                self._loops = False
                self._notice(f"numba can't be used here, the statistics take longer: {lacking}")
        return self._loops

    @property
    def backend(self) -> str:
        """What has computed the statistics: "loops" of numba, "compiled" or plain "tensors" (operations of torch)."""
        if self._loops and self._tried:
            return "loops"
        return "compiled" if self.enabled and self._compiled else "tensors"

    def _try(self, dtype: torch.dtype) -> str | None:
        try:
            import numba
        except (ImportError, OSError) as error:
            return _reason(error)
        if vars(numba.config)["DISABLE_JIT"]:
            return "NUMBA_DISABLE_JIT is set"
        from .cpu.trial import trial

        return trial(dtype, self)

    @cached_property
    def pool(self) -> Executor:
        """Threads for the loops, beside the one that asks."""
        return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="statistics")

    def __call__(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """The function's result on the arguments, fused if that works here."""
        if not self.enabled:
            return function(*arguments)
        if function not in self._compiled:
            # On a GPU the first shape as it is, then what has changed left open: a site's width never changes, and
            # kernels for a known one read several values at once. Elsewhere compiling once is enough.
            dynamic = None if torch.cuda.is_available() else True
            self._compiled[function] = torch.compile(function, dynamic=dynamic, options=dict(_ONE_KERNEL))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result: Result = self._compiled[function](*arguments)
                return result
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:
            # A missing compiler, missing headers and limits of torch and Triton come as errors of many kinds. What is
            # wrong with the arguments comes again from the function itself.
            self.enabled = False
            self._notice(f"the statistics run uncompiled, slower: {_reason(error)}")
            return function(*arguments)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()[:40]) or type(error).__name__
