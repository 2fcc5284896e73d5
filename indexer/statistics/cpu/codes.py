"""The codes of a window's values, as `encode_lanes` computes them, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...database.format.prediction import LEVELS
from .compiling import compiled, inline
from .rows import STRIP
from .vectors import BYTES, FLOATS, INTS, Code, all_equal

MAGNITUDE = np.int32(0x7FFFFFFF)  # a float32 without its sign
ONE = np.float32(1.0)


@inline
def _encode_some(_typing, line, place, step, coded):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Write the codes of the values at `place` in a line; `step` is their scale."""

    def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        code = Code(context, builder)
        bits = code.load(code.after(code.data(line, arguments[0]), arguments[1]), INTS)
        codes = _codes(code, bits, arguments[2])
        code.store(builder.trunc(codes, BYTES), code.after(code.data(coded, arguments[3]), arguments[1]))
        return context.get_dummy_value()

    return types.void(line, types.intp, types.float32, coded), generate


def _codes(code: Code, bits: Any, step: Any) -> Any:
    builder = code.builder
    magnitude = builder.bitcast(builder.and_(bits, all_equal(int(MAGNITUDE))), FLOATS)
    exact = builder.fmul(builder.fdiv(magnitude, code.broadcast(step, FLOATS)), all_equal(float(LEVELS), FLOATS))
    whole = builder.fptosi(exact, INTS)
    above = builder.fcmp_ordered("<", builder.sitofp(whole, FLOATS), exact)
    level = builder.add(whole, builder.zext(above, INTS))
    level = code.greater(level, all_equal(1))
    level = builder.select(builder.icmp_signed(">", level, all_equal(LEVELS)), all_equal(LEVELS), level)
    value, zero = builder.bitcast(bits, FLOATS), all_equal(0.0, FLOATS)
    negative, positive = (builder.fcmp_ordered(sign, value, zero) for sign in "<>")
    signed = builder.select(negative, builder.sub(all_equal(0), level), level)
    return builder.select(builder.or_(negative, positive), signed, all_equal(0))


@compiled
def encode(line, size, coded):  # type: ignore[no-untyped-def]
    """Write the codes of the first values of a line, bits of float32; returns their scale.

    There is room for a strip after the window's end in the line and in `coded`.
    """
    largest = np.int32(0)
    for k in range(size):
        largest = max(largest, line[k] & MAGNITUDE)
    scale = np.int32(largest).view(np.float32)
    step = scale if scale > 0 else ONE
    for start in range(0, size, STRIP):
        _encode_some(line, start, step, coded)
    return scale
