# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Fills new places of lists with the windows around their peaks, as `..windows.gather_windows` encodes them."""

from __future__ import annotations

import triton
import triton.language as tl

from ...database.format.prediction import LEVELS, NOT_COUNTED
from ..best_k import BestK
from ..engine import Filled
from .lists import New
from .source import VARYING, Source, rows_at

_VALUES = 256  # of a quantity that a program handles at once
_PROGRAMS = 2048
_WARPS = 4


@triton.jit
def _lane(
    value, step, lanes, scales, row, own, slot, there, neuron, offset, window, LANE: tl.constexpr, LANES: tl.constexpr,
    LEVELS: tl.constexpr, NOT_COUNTED: tl.constexpr,
):  # fmt: skip
    """Encode and write one lane of some windows (peak offset)."""
    values = tl.load(value + row * step + neuron[:, None], mask=own, other=0.0).to(tl.float32)
    magnitude = tl.abs(values)
    scale = tl.max(magnitude, 1)
    code = tl.ceil(tl.div_rn(magnitude, tl.where(scale > 0, scale, 1.0)[:, None] + 0.0 * magnitude) * LEVELS)
    code = tl.minimum(tl.maximum(code, 1.0), LEVELS)
    code = tl.where(values > 0, code, tl.where(values < 0, -code, 0.0))
    code = tl.where(own, code, NOT_COUNTED).to(tl.int8)
    at = (slot * LANES + LANE)[:, None] * window + offset[None, :]
    tl.store(lanes + at, code, mask=there[:, None] & (offset < window)[None, :])
    tl.store(scales + slot * LANES + LANE, scale, mask=there)


@triton.jit(do_not_specialize=[*VARYING, "k", "before", "window", "lists"])
def _fill(
    gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, at_row,
    number, places, rows, positions, lanes, scales, values, length, sequences, width, k, lists, before, window,
    PEAKS: tl.constexpr, OFFSETS: tl.constexpr, LANES: tl.constexpr, ROUTED: tl.constexpr,
    LEVELS: tl.constexpr, NOT_COUNTED: tl.constexpr,
):  # fmt: skip
    offset = tl.arange(0, OFFSETS)
    total = tl.load(number)
    for first in range(tl.program_id(0) * PEAKS, total, tl.num_programs(0) * PEAKS):
        peak = first + tl.arange(0, PEAKS)
        there = peak < total
        slot = tl.load(places + peak, mask=there, other=0)
        sequence = tl.load(rows + peak, mask=there, other=0).to(tl.int64)
        position = tl.load(positions + slot, mask=there, other=0).to(tl.int64)
        column = slot // k
        neuron = column % width
        cell = column // width // lists * sequences + sequence
        around = position[:, None] - before + offset[None, :]
        inside = there[:, None] & (offset < window)[None, :] & (around >= 0) & (around < length)
        row, own = rows_at(cell[:, None], sequence[:, None], around, inside, length, counted, at_row, ROUTED)
        _lane(
            gate, gate_step, lanes, scales, row, own, slot, there, neuron, offset, window, 0, LANES, LEVELS, NOT_COUNTED
        )
        _lane(in_, in_step, lanes, scales, row, own, slot, there, neuron, offset, window, 1, LANES, LEVELS, NOT_COUNTED)
        _lane(
            post, post_step, lanes, scales, row, own, slot, there, neuron, offset, window, 2, LANES, LEVELS, NOT_COUNTED
        )
        if LANES == 4:
            _lane(
                act, act_step, lanes, scales, row, own, slot, there, neuron, offset, window, 3, LANES, LEVELS,
                NOT_COUNTED,
            )  # fmt: skip
        row, own = rows_at(cell, sequence, position, there, length, counted, at_row, ROUTED)
        at = values + slot * 4
        tl.store(at, tl.load(gate + row * gate_step + neuron, mask=own, other=0.0).to(tl.float32), mask=there)
        tl.store(at + 1, tl.load(in_ + row * in_step + neuron, mask=own, other=0.0).to(tl.float32), mask=there)
        tl.store(at + 2, tl.load(act + row * act_step + neuron, mask=own, other=0.0).to(tl.float32), mask=there)
        tl.store(at + 3, tl.load(post + row * post_step + neuron, mask=own, other=0.0).to(tl.float32), mask=there)


def fill(of: Filled, best: BestK, new: New, source: Source) -> None:
    """Fill the new places of lists."""
    before, after = of.settings.window
    window = before + 1 + after
    offsets = triton.next_power_of_2(window)
    peaks = max(1, _VALUES // offsets)
    programs = min(_PROGRAMS, max(1, len(new.place) // peaks))
    _fill[(programs,)](
        *source.values, source.counted, source.at, *new, best.position, best.lanes, best.scale, best.values,
        source.length, source.sequences, source.width, best.k, len(best.lists) // source.sites, before, window,
        PEAKS=peaks, OFFSETS=offsets, LANES=len(of.form.lanes), ROUTED=source.routed, LEVELS=float(LEVELS),
        NOT_COUNTED=float(NOT_COUNTED), num_warps=_WARPS,
    )  # fmt: skip
