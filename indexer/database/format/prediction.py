"""Predicts the code of post from gate and in, so that a packed window holds only what the prediction misses.

Writer and reader must predict the same on every machine. So nothing here depends on a mathematics library: act comes
from a table of rounded numbers, and the rest is +, -, *, / and comparisons of float64, in a fixed order.
"""

from __future__ import annotations

import math
from functools import lru_cache

from .activations import twin

REACH = 16
"""The table tells act for gates from -REACH to REACH; beyond, its last two entries go on in a line."""

STEPS = 32
"""Entries of the table for each 1 of gate."""

LEVELS = 127
"""Steps that a sign of a lane has."""

NOT_COUNTED = -128
"""The code of a position outside the sequence, or not counted."""

_ROUNDING = 2.0**20  # far coarser than what mathematics libraries differ by


@lru_cache
def act_table(activation: str) -> tuple[float, ...] | None:
    """Act at gate = -REACH, -REACH + 1 / STEPS, ..., REACH; None for an activation without a twin."""
    function = twin(activation)
    if function is None:
        return None
    gates = (place / STEPS - REACH for place in range(2 * REACH * STEPS + 1))
    return tuple(math.floor(function(gate) * _ROUNDING + 0.5) / _ROUNDING for gate in gates)


def predict_act(table: tuple[float, ...], gate: float) -> float:
    """Act as the table tells it, linear between its entries."""
    place = (gate + REACH) * STEPS
    entry = int(min(max(place, 0.0), len(table) - 2.0))
    return table[entry] + (place - entry) * (table[entry + 1] - table[entry])


def predict_code(act: float, in_: float, scale: float) -> int:
    """The code that act * in would have in a lane of this scale."""
    post = act * in_
    if post == 0.0 or scale == 0.0:
        return 0
    step = abs(post) / scale * LEVELS
    code = LEVELS if step >= LEVELS else max(math.ceil(step), 1)
    return code if post > 0.0 else -code
