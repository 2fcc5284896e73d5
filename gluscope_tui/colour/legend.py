"""The legend of the colours."""

from __future__ import annotations

from .ramp import Ramp
from .style import PLAIN, StyledLine

_BARS = "▁▂▃▄▅▆▇█"
_BAR_CELLS = 6


def legend(low: str, high: str, ramp: Ramp, *, ascii_only: bool = False) -> StyledLine:
    """`low ▆▅▄▃▂▁ 0 ▁▂▃▄▅▆ high`, each bar in the style of its level; one bar for every level, six at most.

    Height says the same as colour; in ASCII it is a digit.
    """
    shown = min(ramp.steps, _BAR_CELLS)
    levels = [round((bar + 1) * ramp.steps / shown) for bar in range(shown)]
    glyphs = "123456" if ascii_only else _BARS
    negative = [(glyphs[bar], ramp.style(-1.0, levels[bar])) for bar in reversed(range(shown))]
    positive = [(glyphs[bar], ramp.style(1.0, levels[bar])) for bar in range(shown)]
    return ((f"{low} ", PLAIN), *negative, (" 0 ", PLAIN), *positive, (f" {high}", PLAIN))
