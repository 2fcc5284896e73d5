# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Finds the first position at which each offer by magnitude is reached.

A program reads the places of a cell for some neurons, the last first, if any of these offers something. Triton has no
arrays of registers, so what is wanted and found has a name for each quantity (gate, in, act, post) and quadrant.
"""

from __future__ import annotations

from collections.abc import Collection

import triton
import triton.language as tl
from torch import Tensor

from .source import VARYING, Source, blocks, bounds, places

_PLACES, _NEURONS, _WARPS = 4, 32, 4


@triton.jit
def _wanted(marks, magnitudes, at, width, real, ROW: tl.constexpr, ROWS: tl.constexpr):
    """The magnitudes that a row looks for; -1 for none."""
    wanted = tl.where(real, -1.0, -1.0)
    if (ROWS >> ROW) & 1:
        place = at + ROW * width
        mark = tl.load(marks + place, mask=real, other=-1)
        wanted = tl.where(mark >= 0, tl.load(magnitudes + place, mask=real, other=0.0), -1.0)
    return wanted


@triton.jit
def _four_wanted(marks, magnitudes, at, width, real, ROW: tl.constexpr, ROWS: tl.constexpr):
    w0 = _wanted(marks, magnitudes, at, width, real, ROW, ROWS)
    w1 = _wanted(marks, magnitudes, at, width, real, ROW + 1, ROWS)
    w2 = _wanted(marks, magnitudes, at, width, real, ROW + 2, ROWS)
    w3 = _wanted(marks, magnitudes, at, width, real, ROW + 3, ROWS)
    return w0, w1, w2, w3, tl.maximum(tl.maximum(w0, w1), tl.maximum(w2, w3))


@triton.jit
def _seen(value, w0, w1, w2, w3, m0, m1, m2, m3, f0, f1, f2, f3, position):
    """The first positions of a quantity, with those of a tile that comes before."""
    value = tl.abs(value)
    f0 = tl.where(m0 & (value == w0[None, :]), position, f0)
    f1 = tl.where(m1 & (value == w1[None, :]), position, f1)
    f2 = tl.where(m2 & (value == w2[None, :]), position, f2)
    f3 = tl.where(m3 & (value == w3[None, :]), position, f3)
    return f0, f1, f2, f3


@triton.jit
def _read(
    gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
    start, begin, end, first, neuron, real, PLACES: tl.constexpr, ROUTED: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The positions and the needed values of a tile."""
    row, position, own = places(start, counted, begin, end, first, listed_row, listed_position, PLACES, ROUTED)
    mask = own[:, None] & real[None, :]
    row, neuron = row[:, None], neuron[None, :]
    g = tl.load(gate + row * gate_step + neuron, mask=mask, other=0.0)
    i = tl.load(in_ + row * in_step + neuron, mask=mask, other=0.0)
    a, o = g, g
    if (ROWS >> 8) & 15:
        a = tl.load(act + row * act_step + neuron, mask=mask, other=0.0)
    if (ROWS >> 12) & 15:
        o = tl.load(post + row * post_step + neuron, mask=mask, other=0.0)
    return position.to(tl.int32)[:, None], g, i, a, o


@triton.jit
def _looked(
    position, g, i, a, o,
    wg0, wg1, wg2, wg3, wi0, wi1, wi2, wi3, wa0, wa1, wa2, wa3, wo0, wo1, wo2, wo3,
    g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3, ROWS: tl.constexpr,
):  # fmt: skip
    """The first positions, with those of a tile that comes before."""
    g, i = g.to(tl.float32), i.to(tl.float32)
    m0, m1, m2, m3 = (g > 0) & (i > 0), (g > 0) & (i < 0), (g < 0) & (i > 0), (g < 0) & (i < 0)
    if ROWS & 15:
        g0, g1, g2, g3 = _seen(g, wg0, wg1, wg2, wg3, m0, m1, m2, m3, g0, g1, g2, g3, position)
    if (ROWS >> 4) & 15:
        i0, i1, i2, i3 = _seen(i, wi0, wi1, wi2, wi3, m0, m1, m2, m3, i0, i1, i2, i3, position)
    if (ROWS >> 8) & 15:
        a0, a1, a2, a3 = _seen(a.to(tl.float32), wa0, wa1, wa2, wa3, m0, m1, m2, m3, a0, a1, a2, a3, position)
    if (ROWS >> 12) & 15:
        o0, o1, o2, o3 = _seen(o.to(tl.float32), wo0, wo1, wo2, wo3, m0, m1, m2, m3, o0, o1, o2, o3, position)
    return g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3


@triton.jit
def _told(marks, at, width, w0, w1, w2, w3, f0, f1, f2, f3):
    """Write the first positions of a quantity."""
    tl.store(marks + at, tl.min(f0, 0), mask=w0 >= 0)
    tl.store(marks + at + width, tl.min(f1, 0), mask=w1 >= 0)
    tl.store(marks + at + 2 * width, tl.min(f2, 0), mask=w2 >= 0)
    tl.store(marks + at + 3 * width, tl.min(f3, 0), mask=w3 >= 0)


@triton.jit(do_not_specialize=VARYING)
def _first(
    gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_start, listed_row, listed_position,
    marks, magnitudes, length, sequences, width,
    PLACES: tl.constexpr, NEURONS: tl.constexpr, ROUTED: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, NEURONS)
    cell = (tl.program_id(0) // across).to(tl.int64)
    neuron = (tl.program_id(0) % across) * NEURONS + tl.arange(0, NEURONS)
    real = neuron < width
    at = cell * 16 * width + neuron
    wg0, wg1, wg2, wg3, wg = _four_wanted(marks, magnitudes, at, width, real, 0, ROWS)
    wi0, wi1, wi2, wi3, wi = _four_wanted(marks, magnitudes, at, width, real, 4, ROWS)
    wa0, wa1, wa2, wa3, wa = _four_wanted(marks, magnitudes, at, width, real, 8, ROWS)
    wo0, wo1, wo2, wo3, wo = _four_wanted(marks, magnitudes, at, width, real, 12, ROWS)
    asked = tl.max(tl.maximum(tl.maximum(wg, wi), tl.maximum(wa, wo)), 0)
    begin, end = bounds(cell, length, listed_start, ROUTED)
    first = (cell % sequences) * length
    tiles = tl.where(asked >= 0, tl.cdiv(end - begin, 4 * PLACES), 0)
    none = tl.full([PLACES, NEURONS], 0x7FFFFFFF, tl.int32)
    g0, g1, g2, g3 = none, none, none, none
    i0, i1, i2, i3 = none, none, none, none
    a0, a1, a2, a3 = none, none, none, none
    o0, o1, o2, o3 = none, none, none, none
    for tile in range(0, tiles):
        start = begin + (tiles - 1 - tile) * 4 * PLACES
        Ap, Ag, Ai, Aa, Ao = _read(
            gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
            start, begin, end, first, neuron, real, PLACES, ROUTED, ROWS,
        )  # fmt: skip
        Bp, Bg, Bi, Ba, Bo = _read(
            gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
            start + 1 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED, ROWS,
        )  # fmt: skip
        Cp, Cg, Ci, Ca, Co = _read(
            gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
            start + 2 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED, ROWS,
        )  # fmt: skip
        Dp, Dg, Di, Da, Do = _read(
            gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
            start + 3 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED, ROWS,
        )  # fmt: skip
        g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3 = _looked(
            Dp, Dg, Di, Da, Do, wg0, wg1, wg2, wg3, wi0, wi1, wi2, wi3, wa0, wa1, wa2, wa3, wo0, wo1, wo2, wo3,
            g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3, ROWS,
        )  # fmt: skip
        g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3 = _looked(
            Cp, Cg, Ci, Ca, Co, wg0, wg1, wg2, wg3, wi0, wi1, wi2, wi3, wa0, wa1, wa2, wa3, wo0, wo1, wo2, wo3,
            g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3, ROWS,
        )  # fmt: skip
        g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3 = _looked(
            Bp, Bg, Bi, Ba, Bo, wg0, wg1, wg2, wg3, wi0, wi1, wi2, wi3, wa0, wa1, wa2, wa3, wo0, wo1, wo2, wo3,
            g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3, ROWS,
        )  # fmt: skip
        g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3 = _looked(
            Ap, Ag, Ai, Aa, Ao, wg0, wg1, wg2, wg3, wi0, wi1, wi2, wi3, wa0, wa1, wa2, wa3, wo0, wo1, wo2, wo3,
            g0, g1, g2, g3, i0, i1, i2, i3, a0, a1, a2, a3, o0, o1, o2, o3, ROWS,
        )  # fmt: skip
    if ROWS & 15:
        _told(marks, at, width, wg0, wg1, wg2, wg3, g0, g1, g2, g3)
    if (ROWS >> 4) & 15:
        _told(marks, at + 4 * width, width, wi0, wi1, wi2, wi3, i0, i1, i2, i3)
    if (ROWS >> 8) & 15:
        _told(marks, at + 8 * width, width, wa0, wa1, wa2, wa3, a0, a1, a2, a3)
    if (ROWS >> 12) & 15:
        _told(marks, at + 12 * width, width, wo0, wo1, wo2, wo3, o0, o1, o2, o3)


def put_first_positions(source: Source, marks: Tensor, magnitudes: Tensor, rows: Collection[int]) -> None:
    """Put the first position of each marked magnitude in place of its mark. `rows`: those that lists are ordered by."""
    _first[(source.cells * blocks(source.width, _NEURONS),)](
        *source.values, source.counted, source.start, source.row, source.position, marks, magnitudes,
        source.length, source.sequences, source.width,
        PLACES=_PLACES, NEURONS=_NEURONS, ROUTED=source.routed, ROWS=sum(1 << row for row in set(rows)),
        num_warps=_WARPS,
    )  # fmt: skip
