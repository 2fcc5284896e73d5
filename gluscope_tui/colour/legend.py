"""The legend of the colours."""

from __future__ import annotations

from .ramp import Ramp
from .style import PLAIN, Style, StyledLine

_BARS = "▁▂▃▄▅▆▇█"
_CELLS = 6


def legend(low: str, high: str, ramp: Ramp, *, ascii_only: bool = False) -> StyledLine:
    """`low ##### 0 ##### high`, a cell filled with the colour of each level, six at most.

    A level without a ground of its own is a bar, whose height says the same; in ASCII every level is its digit.
    """
    shown = min(ramp.steps, _CELLS)
    levels = [round((cell + 1) * ramp.steps / shown) for cell in range(shown)]

    def swatch(cell: int, sign: float) -> tuple[str, Style]:
        style = ramp.style(sign, levels[cell])
        if ascii_only:
            return str(cell + 1), style
        return (_BARS[cell] if style.bg is None else " "), style

    negative = [swatch(cell, -1.0) for cell in reversed(range(shown))]
    positive = [swatch(cell, 1.0) for cell in range(shown)]
    return ((f"{low} ", PLAIN), *negative, (" 0 ", PLAIN), *positive, (f" {high}", PLAIN))
