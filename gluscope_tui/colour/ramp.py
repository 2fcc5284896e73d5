"""Colours for values: a ramp for the positive and one for the negative, for each depth and background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .contrast import Rgb, text_on
from .depth import Depth
from .lab import between
from .style import PLAIN, Style

TRUECOLOR_STEPS = 16
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BLACK_256, _WHITE_256 = 16, 231  # fixed, unlike 0 and 15

# (dark background, light background): orange for positive values, blue for negative ones, from weak to strong
_TRUE_ORANGE: tuple[tuple[Rgb, Rgb], ...] = (((64, 38, 8), (255, 184, 88)), ((253, 232, 208), (158, 58, 0)))
_TRUE_BLUE: tuple[tuple[Rgb, Rgb], ...] = (((18, 44, 74), (136, 200, 255)), ((220, 234, 247), (12, 78, 158)))
_ORANGE_256 = ((58, 94, 136, 172, 208, 214), (224, 180, 173, 166, 130, 124))
_BLUE_256 = ((24, 60, 67, 68, 75, 111), (152, 110, 74, 67, 32, 25))
# Pairs that keep their contrast on common palettes: the weakest colours the text alone.
_ORANGE_16 = (
    (Style(11, 0), Style(0, 9), Style(0, 11)),
    (Style(1, 15), Style(0, 11), Style(15, 1)),
)
_BLUE_16 = (
    (Style(14, 0), Style(15, 12), Style(0, 14)),
    (Style(4, 15), Style(0, 14), Style(15, 4)),
)
_ATTRIBUTES = (PLAIN, Style(bold=True), Style(reverse=True))


@dataclass(frozen=True, slots=True)
class Ramp:
    """Styles from the weakest to the strongest level, for positive (orange) and negative (blue) values."""

    positive: tuple[Style, ...]
    negative: tuple[Style, ...]

    @property
    def steps(self) -> int:
        return len(self.positive)

    def style(self, value: float, level: int) -> Style:
        """The style of a value at a level of 0 (too faint for colour) to `steps`."""
        if level <= 0:
            return PLAIN
        return (self.positive if value > 0 else self.negative)[level - 1]


@cache
def ramp(depth: Depth, *, light: bool = False) -> Ramp:
    """The ramp for a depth: 16 steps in truecolor, 6 in 256 colours, 3 in 16; attributes or nothing without colour."""
    if depth is Depth.TRUE:
        return Ramp(_true(_TRUE_ORANGE[light]), _true(_TRUE_BLUE[light]))
    if depth is Depth.ANSI256:
        return Ramp(_fixed(_ORANGE_256[light]), _fixed(_BLUE_256[light]))
    if depth is Depth.ANSI16:
        return Ramp(_ORANGE_16[light], _BLUE_16[light])
    styles = _ATTRIBUTES if depth is Depth.NONE else (PLAIN,) * 3
    return Ramp(styles, styles)


def _true(ends: tuple[Rgb, Rgb]) -> tuple[Style, ...]:
    return tuple(Style(text_on(bg, _BLACK, _WHITE), bg) for bg in between(*ends, TRUECOLOR_STEPS))


def _fixed(numbers: tuple[int, ...]) -> tuple[Style, ...]:
    return tuple(Style(text_on(bg, _BLACK_256, _WHITE_256), bg) for bg in numbers)
