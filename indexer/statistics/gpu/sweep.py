# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""A batch's quadrant statistics in one pass over its values.

A program goes through the places of one cell for some neurons, several tiles at a time, so that many values are on
their way. For each quadrant and quantity it keeps a sum and a largest magnitude. A place that isn't counted is read as
zeros, which are in no quadrant. A value that isn't finite makes every sum of its neuron NaN, since 0 times it is NaN.
Triton has no arrays of registers, so every accumulator has a name: n for counts, the letters of gate, in, act and post
(o), small for magnitudes, capital for sums, and a quadrant (0 to 3).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from .source import VARYING, Source, blocks, bounds, places

Config = tuple[int, int, int, int]
CONFIGS: tuple[Config, ...] = (
    (4, 32, 4, 4),
    (4, 32, 2, 4),
    (8, 32, 4, 8),
    (2, 64, 4, 4),
    (4, 64, 2, 4),
    (4, 64, 4, 4),
)
"""Places and neurons of a tile, tiles read at a time (1, 2 or 4), warps of a program: the first is used, the others are
for measuring."""


class Swept(NamedTuple):
    """Statistics of each cell; the sums of a cell with a value that isn't finite mean nothing."""

    counts: Tensor  # cell quadrant neuron, int32
    totals: Tensor  # cell 16 neuron, float64
    magnitudes: Tensor  # cell 16 neuron, float32: the largest |value|, 0 where the quadrant holds none


@triton.jit
def _read(
    gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
    start, begin, end, first, neuron, real, PLACES: tl.constexpr, ROUTED: tl.constexpr,
):  # fmt: skip
    row, _, own = places(start, counted, begin, end, first, listed_row, listed_position, PLACES, ROUTED)
    mask = own[:, None] & real[None, :]
    row, neuron = row[:, None], neuron[None, :]
    g = tl.load(gate + row * gate_step + neuron, mask=mask, other=0.0)
    i = tl.load(in_ + row * in_step + neuron, mask=mask, other=0.0)
    a = tl.load(act + row * act_step + neuron, mask=mask, other=0.0)
    o = tl.load(post + row * post_step + neuron, mask=mask, other=0.0)
    return g, i, a, o


@triton.jit
def _quadrant(gate, in_, act, post, inside, n, g, i, a, o, G, I, A, O):  # noqa: E741
    """Add the values of a tile that lie in a quadrant."""
    factor = tl.where(inside, 1.0, 0.0)
    once = tl.where(inside, tl.full([], 1.0, tl.float64), tl.full([], 0.0, tl.float64))
    n += factor  # exact below 2^24
    g, G = tl.maximum(g, tl.abs(gate) * factor), G + gate.to(tl.float64) * once
    i, I = tl.maximum(i, tl.abs(in_) * factor), I + in_.to(tl.float64) * once  # noqa: E741
    a, A = tl.maximum(a, tl.abs(act) * factor), A + act.to(tl.float64) * once
    o, O = tl.maximum(o, tl.abs(post) * factor), O + post.to(tl.float64) * once  # noqa: E741
    return n, g, i, a, o, G, I, A, O


@triton.jit
def _added(
    gate, in_, act, post,
    n0, g0, i0, a0, o0, G0, I0, A0, O0,
    n1, g1, i1, a1, o1, G1, I1, A1, O1,
    n2, g2, i2, a2, o2, G2, I2, A2, O2,
    n3, g3, i3, a3, o3, G3, I3, A3, O3,
):  # fmt: skip
    """Add the values of a tile."""
    gate, in_, act, post = gate.to(tl.float32), in_.to(tl.float32), act.to(tl.float32), post.to(tl.float32)
    p, q, s, t = gate > 0, gate < 0, in_ > 0, in_ < 0
    n0, g0, i0, a0, o0, G0, I0, A0, O0 = _quadrant(gate, in_, act, post, p & s, n0, g0, i0, a0, o0, G0, I0, A0, O0)
    n1, g1, i1, a1, o1, G1, I1, A1, O1 = _quadrant(gate, in_, act, post, p & t, n1, g1, i1, a1, o1, G1, I1, A1, O1)
    n2, g2, i2, a2, o2, G2, I2, A2, O2 = _quadrant(gate, in_, act, post, q & s, n2, g2, i2, a2, o2, G2, I2, A2, O2)
    n3, g3, i3, a3, o3, G3, I3, A3, O3 = _quadrant(gate, in_, act, post, q & t, n3, g3, i3, a3, o3, G3, I3, A3, O3)
    return (
        n0, g0, i0, a0, o0, G0, I0, A0, O0,
        n1, g1, i1, a1, o1, G1, I1, A1, O1,
        n2, g2, i2, a2, o2, G2, I2, A2, O2,
        n3, g3, i3, a3, o3, G3, I3, A3, O3,
    )  # fmt: skip


@triton.jit
def _written(to, place, one, two, three, four, width, mask):
    """Write four rows, one for each quadrant."""
    tl.store(to + place, one, mask=mask)
    tl.store(to + place + width, two, mask=mask)
    tl.store(to + place + 2 * width, three, mask=mask)
    tl.store(to + place + 3 * width, four, mask=mask)


@triton.jit(do_not_specialize=VARYING)
def _sweep(
    gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_start, listed_row, listed_position,
    infinite, counts, totals, magnitudes, length, sequences, width,
    PLACES: tl.constexpr, NEURONS: tl.constexpr, TILES: tl.constexpr, ROUTED: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(width, NEURONS)
    cell = (tl.program_id(0) // across).to(tl.int64)
    neuron = (tl.program_id(0) % across) * NEURONS + tl.arange(0, NEURONS)
    real = neuron < width
    begin, end = bounds(cell, length, listed_start, ROUTED)
    first = (cell % sequences) * length
    none = tl.zeros([PLACES, NEURONS], tl.float32)
    nothing = tl.zeros([PLACES, NEURONS], tl.float64)
    zero = tl.full([], 0.0, tl.float64)
    n0, g0, i0, a0, o0 = none, none, none, none, none
    G0, I0, A0, O0 = nothing, nothing, nothing, nothing
    n1, g1, i1, a1, o1 = none, none, none, none, none
    G1, I1, A1, O1 = nothing, nothing, nothing, nothing
    n2, g2, i2, a2, o2 = none, none, none, none, none
    G2, I2, A2, O2 = nothing, nothing, nothing, nothing
    n3, g3, i3, a3, o3 = none, none, none, none, none
    G3, I3, A3, O3 = nothing, nothing, nothing, nothing
    for start in range(begin, end, TILES * PLACES):
        Ag, Ai, Aa, Ao = _read(
            gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
            start, begin, end, first, neuron, real, PLACES, ROUTED,
        )  # fmt: skip
        if TILES > 1:
            Bg, Bi, Ba, Bo = _read(
                gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
                start + 1 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED,
            )  # fmt: skip
        if TILES > 2:
            Cg, Ci, Ca, Co = _read(
                gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
                start + 2 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED,
            )  # fmt: skip
            Dg, Di, Da, Do = _read(
                gate, in_, act, post, gate_step, in_step, act_step, post_step, counted, listed_row, listed_position,
                start + 3 * PLACES, begin, end, first, neuron, real, PLACES, ROUTED,
            )  # fmt: skip
        (
            n0, g0, i0, a0, o0, G0, I0, A0, O0,
            n1, g1, i1, a1, o1, G1, I1, A1, O1,
            n2, g2, i2, a2, o2, G2, I2, A2, O2,
            n3, g3, i3, a3, o3, G3, I3, A3, O3,
        ) = _added(
            Ag, Ai, Aa, Ao,
            n0, g0, i0, a0, o0, G0, I0, A0, O0,
            n1, g1, i1, a1, o1, G1, I1, A1, O1,
            n2, g2, i2, a2, o2, G2, I2, A2, O2,
            n3, g3, i3, a3, o3, G3, I3, A3, O3,
        )  # fmt: skip
        if TILES > 1:
            (
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            ) = _added(
                Bg, Bi, Ba, Bo,
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            )  # fmt: skip
        if TILES > 2:
            (
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            ) = _added(
                Cg, Ci, Ca, Co,
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            )  # fmt: skip
            (
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            ) = _added(
                Dg, Di, Da, Do,
                n0, g0, i0, a0, o0, G0, I0, A0, O0,
                n1, g1, i1, a1, o1, G1, I1, A1, O1,
                n2, g2, i2, a2, o2, G2, I2, A2, O2,
                n3, g3, i3, a3, o3, G3, I3, A3, O3,
            )  # fmt: skip
    at = cell * 4 * width + neuron
    c0, c1 = tl.sum(n0.to(tl.int32), 0), tl.sum(n1.to(tl.int32), 0)
    c2, c3 = tl.sum(n2.to(tl.int32), 0), tl.sum(n3.to(tl.int32), 0)
    _written(counts, at, c0, c1, c2, c3, width, real)
    at = cell * 16 * width + neuron
    S0, S1, S2, S3 = tl.sum(G0, 0), tl.sum(I0, 0), tl.sum(A0, 0), tl.sum(O0, 0)
    _written(totals, at, S0, tl.sum(G1, 0), tl.sum(G2, 0), tl.sum(G3, 0), width, real)
    _written(totals, at + 4 * width, S1, tl.sum(I1, 0), tl.sum(I2, 0), tl.sum(I3, 0), width, real)
    _written(totals, at + 8 * width, S2, tl.sum(A1, 0), tl.sum(A2, 0), tl.sum(A3, 0), width, real)
    _written(totals, at + 12 * width, S3, tl.sum(O1, 0), tl.sum(O2, 0), tl.sum(O3, 0), width, real)
    _written(magnitudes, at, tl.max(g0, 0), tl.max(g1, 0), tl.max(g2, 0), tl.max(g3, 0), width, real)
    _written(magnitudes, at + 4 * width, tl.max(i0, 0), tl.max(i1, 0), tl.max(i2, 0), tl.max(i3, 0), width, real)
    _written(magnitudes, at + 8 * width, tl.max(a0, 0), tl.max(a1, 0), tl.max(a2, 0), tl.max(a3, 0), width, real)
    _written(magnitudes, at + 12 * width, tl.max(o0, 0), tl.max(o1, 0), tl.max(o2, 0), tl.max(o3, 0), width, real)
    finite = (S0 * zero == zero) & (S1 * zero == zero) & (S2 * zero == zero) & (S3 * zero == zero)
    wrong = tl.sum(tl.where(real & (finite == 0), 1, 0), 0).to(tl.int64)
    tl.atomic_add(infinite + cell, wrong, mask=wrong > 0)


def sweep(source: Source, infinite: Tensor, config: Config = CONFIGS[0]) -> Swept:
    """Reduce a batch. `infinite`: cell, int64; the number of neurons with a value that isn't finite is added to it."""
    cells, width, device = source.cells, source.width, source.gate.device
    found = Swept(
        torch.empty((cells, 4, width), dtype=torch.int32, device=device),
        torch.empty((cells, 16, width), dtype=torch.float64, device=device),
        torch.empty((cells, 16, width), dtype=torch.float32, device=device),
    )
    of_tile, neurons, tiles, warps = config
    _sweep[(cells * blocks(width, neurons),)](
        *source.values, source.counted, source.start, source.row, source.position, infinite, *found,
        source.length, source.sequences, width,
        PLACES=of_tile, NEURONS=neurons, TILES=tiles, ROUTED=source.routed, num_warps=warps,
    )  # fmt: skip
    return found
