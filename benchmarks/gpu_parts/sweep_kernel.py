# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""An experiment: a batch's statistics in one pass, hand-written in Triton, to compare with torch's compiled code.

A program reads tiles of positions and neurons of one sequence. For each quadrant and quantity it keeps a sum and a
largest magnitude. A position that isn't counted is read as zeros, which are in no quadrant. A non-finite value makes
every result of its neuron except `finite` meaningless, since 0 times it is NaN. Triton has no arrays of registers, so
every accumulator has a name: quantity (gate, in, act, post) and quadrant (0 to 3), capitals for sums.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from indexer.statistics.activations import Activations
from indexer.statistics.reduction import Reduction

CONFIGS = ((8, 64, 8, 4), (8, 64, 8, 1), (8, 32, 8, 1), (16, 32, 8, 4), (4, 64, 4, 4))
"""Positions and neurons of a tile, warps of a program, and tiles in flight at once."""


@triton.jit
def _taken(value, mean, most, inside, once):
    """Add the values of a quadrant to a sum and a largest magnitude."""
    return mean + value.to(tl.float64) * once, tl.maximum(most, tl.abs(value) * inside)


@triton.jit
def _written(to, place, one, two, three, four, WIDTH: tl.constexpr, mask):
    """Write four rows, one for each quadrant."""
    tl.store(to + place, one, mask=mask)
    tl.store(to + place + WIDTH, two, mask=mask)
    tl.store(to + place + 2 * WIDTH, three, mask=mask)
    tl.store(to + place + 3 * WIDTH, four, mask=mask)


@triton.jit
def _sweep(
    gate, in_, act, post, counted, priority, counts, totals, magnitudes, finite, length, sequence_stride,
    position_stride, WIDTH: tl.constexpr, POSITIONS: tl.constexpr, NEURONS: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(1).to(tl.int64)
    neuron = tl.program_id(0) * NEURONS + tl.arange(0, NEURONS)
    real = neuron < WIDTH
    none = tl.zeros([POSITIONS, NEURONS], tl.float32)
    nothing = tl.zeros([POSITIONS, NEURONS], tl.float64)
    count = tl.zeros([POSITIONS, NEURONS], tl.int32)
    n0, n1, n2, n3 = count, count, count, count
    p0, p1, p2, p3 = none, none, none, none
    g0, g1, g2, g3 = none, none, none, none
    i0, i1, i2, i3 = none, none, none, none
    a0, a1, a2, a3 = none, none, none, none
    o0, o1, o2, o3 = none, none, none, none
    G0, G1, G2, G3 = nothing, nothing, nothing, nothing
    I0, I1, I2, I3 = nothing, nothing, nothing, nothing
    A0, A1, A2, A3 = nothing, nothing, nothing, nothing
    O0, O1, O2, O3 = nothing, nothing, nothing, nothing
    odd = none
    zero, one = tl.full([], 0.0, tl.float64), tl.full([], 1.0, tl.float64)
    for start in tl.range(0, length, POSITIONS, num_stages=STAGES):
        position = start + tl.arange(0, POSITIONS)
        within = position < length
        own = tl.load(counted + sequence * length + position, mask=within, other=0) != 0
        key = tl.load(priority + sequence * length + position, mask=within, other=0.0)[:, None]
        mask = own[:, None] & real[None, :]
        place = sequence * sequence_stride + position[:, None] * position_stride + neuron[None, :]
        g = tl.load(gate + place, mask=mask, other=0.0).to(tl.float32)
        i = tl.load(in_ + place, mask=mask, other=0.0).to(tl.float32)
        a = tl.load(act + place, mask=mask, other=0.0).to(tl.float32)
        o = tl.load(post + place, mask=mask, other=0.0).to(tl.float32)
        odd += g * 0.0 + i * 0.0 + a * 0.0 + o * 0.0
        m0, m1, m2, m3 = (g > 0) & (i > 0), (g > 0) & (i < 0), (g < 0) & (i > 0), (g < 0) & (i < 0)
        n0, n1, n2, n3 = n0 + m0.to(tl.int32), n1 + m1.to(tl.int32), n2 + m2.to(tl.int32), n3 + m3.to(tl.int32)
        f0, f1 = tl.where(m0, 1.0, 0.0), tl.where(m1, 1.0, 0.0)
        f2, f3 = tl.where(m2, 1.0, 0.0), tl.where(m3, 1.0, 0.0)
        d0, d1, d2, d3 = (
            tl.where(m0, one, zero),
            tl.where(m1, one, zero),
            tl.where(m2, one, zero),
            tl.where(m3, one, zero),
        )
        p0, p1, p2, p3 = (
            tl.maximum(p0, key * f0), tl.maximum(p1, key * f1), tl.maximum(p2, key * f2), tl.maximum(p3, key * f3)
        )  # fmt: skip
        G0, g0 = _taken(g, G0, g0, f0, d0)
        G1, g1 = _taken(g, G1, g1, f1, d1)
        G2, g2 = _taken(g, G2, g2, f2, d2)
        G3, g3 = _taken(g, G3, g3, f3, d3)
        I0, i0 = _taken(i, I0, i0, f0, d0)
        I1, i1 = _taken(i, I1, i1, f1, d1)
        I2, i2 = _taken(i, I2, i2, f2, d2)
        I3, i3 = _taken(i, I3, i3, f3, d3)
        A0, a0 = _taken(a, A0, a0, f0, d0)
        A1, a1 = _taken(a, A1, a1, f1, d1)
        A2, a2 = _taken(a, A2, a2, f2, d2)
        A3, a3 = _taken(a, A3, a3, f3, d3)
        O0, o0 = _taken(o, O0, o0, f0, d0)
        O1, o1 = _taken(o, O1, o1, f1, d1)
        O2, o2 = _taken(o, O2, o2, f2, d2)
        O3, o3 = _taken(o, O3, o3, f3, d3)
    at = sequence * 4 * WIDTH + neuron
    _written(counts, at, tl.sum(n0, 0), tl.sum(n1, 0), tl.sum(n2, 0), tl.sum(n3, 0), WIDTH, real)
    at = sequence * 16 * WIDTH + neuron
    _written(totals, at, tl.sum(G0, 0), tl.sum(G1, 0), tl.sum(G2, 0), tl.sum(G3, 0), WIDTH, real)
    _written(totals, at + 4 * WIDTH, tl.sum(I0, 0), tl.sum(I1, 0), tl.sum(I2, 0), tl.sum(I3, 0), WIDTH, real)
    _written(totals, at + 8 * WIDTH, tl.sum(A0, 0), tl.sum(A1, 0), tl.sum(A2, 0), tl.sum(A3, 0), WIDTH, real)
    _written(totals, at + 12 * WIDTH, tl.sum(O0, 0), tl.sum(O1, 0), tl.sum(O2, 0), tl.sum(O3, 0), WIDTH, real)
    at = sequence * 20 * WIDTH + neuron
    _written(magnitudes, at, tl.max(g0, 0), tl.max(g1, 0), tl.max(g2, 0), tl.max(g3, 0), WIDTH, real)
    _written(magnitudes, at + 4 * WIDTH, tl.max(i0, 0), tl.max(i1, 0), tl.max(i2, 0), tl.max(i3, 0), WIDTH, real)
    _written(magnitudes, at + 8 * WIDTH, tl.max(a0, 0), tl.max(a1, 0), tl.max(a2, 0), tl.max(a3, 0), WIDTH, real)
    _written(magnitudes, at + 12 * WIDTH, tl.max(o0, 0), tl.max(o1, 0), tl.max(o2, 0), tl.max(o3, 0), WIDTH, real)
    _written(magnitudes, at + 16 * WIDTH, tl.max(p0, 0), tl.max(p1, 0), tl.max(p2, 0), tl.max(p3, 0), WIDTH, real)
    tl.store(finite + sequence * WIDTH + neuron, tl.sum(odd, 0) == 0.0, mask=real)


def sweep(
    values: Activations, counted: torch.Tensor, priority: torch.Tensor, config: tuple[int, int, int, int] = CONFIGS[0]
) -> Reduction:
    """The result of `reduction.reduce_batch` without products. `values` share their strides, neurons contiguous."""
    sequences, length, width = values.gate.shape
    assert all(value.stride() == values.gate.stride() and value.stride(2) == 1 for value in values)
    device = values.gate.device
    made = Reduction(
        torch.empty((sequences, 4, width), dtype=torch.int32, device=device),
        torch.empty((sequences, 16, width), dtype=torch.float64, device=device),
        torch.empty((sequences, 20, width), dtype=torch.float32, device=device),
        torch.empty((sequences, width), dtype=torch.bool, device=device),
    )
    positions, neurons, warps, stages = config
    _sweep[(triton.cdiv(width, neurons), sequences)](
        *values, counted, priority, *made, length, values.gate.stride(0), values.gate.stride(1),
        WIDTH=width, POSITIONS=positions, NEURONS=neurons, STAGES=stages, num_warps=warps,
    )  # fmt: skip
    return made
