"""Colours for values: a ramp for the positive and one for the negative, for each depth and background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .contrast import text_on
from .depth import Depth
from .lab import between
from .style import PLAIN, Style
from .themes import Ends, Theme, plain_theme

TRUECOLOR_STEPS = 16
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_BLACK_256, _WHITE_256 = 16, 231  # fixed, unlike 0 and 15

# (dark background, light background): orange for positive values, blue for negative ones, from weak to strong. A ramp
# keeps to one hue, so that a weak value and a strong one read as the same sign; tests/colour measures that. Those of
# truecolor are in themes.py. The 256 fixed colours have few oranges, none of them dark: five steps keep to one hue,
# six don't.
_ORANGE_256 = ((94, 130, 172, 208, 215), (223, 215, 208, 172, 130))
_BLUE_256 = ((25, 26, 68, 75, 153), (153, 75, 68, 26, 25))
# Pairs that keep their contrast on common palettes; the weakest level colours only the text. The 16 colours have no
# orange, and a readable yellow is brown on a console, so red replaces orange.
_RED_16 = (
    (Style(9, 0), Style(15, 1), Style(0, 9)),
    (Style(1, 15), Style(0, 9), Style(15, 1)),
)
_BLUE_16 = (
    (Style(14, 0), Style(0, 6), Style(0, 14)),
    (Style(4, 15), Style(15, 12), Style(15, 4)),
)
_ATTRIBUTES = (PLAIN, Style(bold=True), Style(reverse=True))


@dataclass(frozen=True, slots=True)
class Ramp:
    """Styles from the weakest to the strongest level, for positive (orange, or red) and negative (blue) values."""

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
def themed(depth: Depth, theme: Theme) -> Ramp:
    """The ramp of a theme: 16 steps in truecolor, 5 in 256 colours, 3 in 16; attributes or nothing without colour."""
    if depth is Depth.TRUE:
        return Ramp(_true(theme.orange), _true(theme.blue))
    if depth is Depth.ANSI256:
        return Ramp(_fixed(_ORANGE_256[theme.light]), _fixed(_BLUE_256[theme.light]))
    if depth is Depth.ANSI16:
        return Ramp(_RED_16[theme.light], _BLUE_16[theme.light])
    styles = _ATTRIBUTES if depth is Depth.NONE else (PLAIN,) * 3
    return Ramp(styles, styles)


def ramp(depth: Depth, *, light: bool = False) -> Ramp:
    """The ramp of the theme `dark` or `light`."""
    return themed(depth, plain_theme(light=light))


def _true(ends: Ends) -> tuple[Style, ...]:
    return tuple(Style(text_on(bg, _BLACK, _WHITE), bg) for bg in between(*ends, TRUECOLOR_STEPS))


def _fixed(numbers: tuple[int, ...]) -> tuple[Style, ...]:
    return tuple(Style(text_on(bg, _BLACK_256, _WHITE_256), bg) for bg in numbers)
