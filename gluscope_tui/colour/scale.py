"""From a value to a level of a ramp; activations are heavy-tailed, so the steps grow."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

_TABLES = {5: (0.02, 0.08, 0.20, 0.45, 0.75), 3: (0.06, 0.25, 0.75)}


@cache
def thresholds(steps: int) -> tuple[float, ...]:
    """The share of the largest magnitude at which each level begins: 5 and 3 steps from tables, otherwise by the
    square root, rounded (16 steps: 0.1 %, 0.9 %, 2.4 %, ... 94 %)."""
    return _TABLES.get(steps) or tuple(((step + 0.5) / steps) ** 2 for step in range(steps))


def level(value: float | None, maximum: float, steps: int) -> int:
    """The level of a value, 0 (too faint, or none) to `steps`, on a scale that is symmetric around 0."""
    if value is None or not maximum > 0:
        return 0
    return bisect_right(thresholds(steps), abs(value) / maximum)
