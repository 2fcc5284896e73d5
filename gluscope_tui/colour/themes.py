"""The themes: for each, its grounds, texts and the ends of its two ramps.

To add a theme, add its entry to THEMES. `tests/colour` then checks its ramps and texts at every depth; make
`docs/ramps.svg` again with `python screenshots/ramps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contrast import Rgb
from .depth import Depth
from .style import Colour

Ends = tuple[Rgb, Rgb]
"""The weakest and the strongest colour of a ramp."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours of everything but values. Each text has a contrast of at least 4.5 on its ground."""

    ground: Colour
    text: Colour
    faint: Colour
    warning: Colour
    match: Colour  # the ground of found text
    on_match: Colour


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme. `orange` is the truecolor ramp of positive values, `blue` that of negative ones.

    With 256 and with 16 colours all dark themes share the ramps of `dark`, all light ones those of `light`: the fixed
    colours have no other ramps of one hue.
    """

    name: str
    light: bool
    true: Ground
    fixed: Ground  # with 256 colours
    orange: Ends
    blue: Ends

    def ground(self, depth: Depth) -> Ground | None:
        """The ground for a depth; None without colour."""
        if depth is Depth.ANSI16:
            return _LIGHT_16 if self.light else _DARK_16
        return {Depth.TRUE: self.true, Depth.ANSI256: self.fixed}.get(depth)


_DARK_16, _LIGHT_16 = Ground(0, 7, 7, 11, 13, 0), Ground(15, 0, 0, 1, 13, 0)
_BLACK = (0, 0, 0)

DARK = Theme(
    "dark",
    light=False,
    true=Ground((18, 18, 22), (228, 228, 232), (150, 150, 158), (255, 196, 84), (244, 143, 209), _BLACK),
    fixed=Ground(233, 254, 246, 221, 212, 16),
    orange=((72, 42, 4), (255, 176, 80)),
    blue=((10, 44, 86), (132, 192, 255)),
)
LIGHT = Theme(
    "light",
    light=True,
    true=Ground((255, 255, 255), (24, 24, 27), (102, 102, 110), (154, 52, 18), (240, 171, 252), _BLACK),
    fixed=Ground(231, 234, 241, 130, 219, 16),
    orange=((255, 231, 205), (170, 76, 0)),
    blue=((218, 233, 252), (0, 76, 164)),
)
_OTHERS = (
    Theme(
        "nord",
        light=False,
        true=Ground((46, 52, 64), (216, 222, 233), (162, 168, 179), (235, 203, 139), (180, 142, 173), _BLACK),
        fixed=Ground(236, 254, 248, 186, 139, 16),
        orange=((111, 60, 37), (254, 171, 144)),
        blue=((29, 78, 122), (148, 200, 250)),
    ),
    Theme(
        "gruvbox",
        light=False,
        true=Ground((40, 40, 40), (235, 219, 178), (168, 153, 132), (250, 189, 47), (211, 134, 155), _BLACK),
        fixed=Ground(235, 187, 246, 214, 174, 16),
        orange=((94, 50, 11), (254, 148, 79)),
        blue=((0, 73, 76), (102, 197, 201)),
    ),
    Theme(
        "dracula",
        light=False,
        true=Ground((40, 42, 54), (248, 248, 242), (156, 157, 159), (255, 184, 108), (255, 121, 198), _BLACK),
        fixed=Ground(236, 255, 247, 215, 212, 16),
        orange=((96, 60, 7), (255, 184, 108)),
        blue=((0, 78, 91), (139, 233, 253)),
    ),
    Theme(
        "tokyo-night",
        light=False,
        true=Ground((26, 27, 38), (192, 202, 245), (134, 141, 173), (224, 175, 104), (187, 154, 247), _BLACK),
        fixed=Ground(234, 189, 103, 179, 141, 16),
        orange=((88, 45, 5), (255, 168, 117)),
        blue=((33, 55, 104), (160, 191, 255)),
    ),
    Theme(
        "catppuccin-mocha",
        light=False,
        true=Ground((30, 30, 46), (205, 214, 244), (140, 146, 171), (249, 226, 175), (245, 194, 231), _BLACK),
        fixed=Ground(235, 189, 246, 223, 218, 16),
        orange=((92, 50, 8), (254, 177, 129)),
        blue=((32, 61, 109), (137, 180, 250)),
    ),
    Theme(
        "solarized-dark",
        light=False,
        true=Ground((0, 43, 54), (147, 161, 161), (131, 148, 150), (185, 143, 13), (224, 114, 168), _BLACK),
        fixed=Ground(234, 248, 245, 136, 169, 16),
        orange=((97, 47, 23), (253, 147, 110)),
        blue=((3, 66, 107), (106, 187, 253)),
    ),
    Theme(
        "solarized-light",
        light=True,
        true=Ground((253, 246, 227), (62, 77, 82), (88, 110, 117), (183, 68, 20), (240, 171, 252), _BLACK),
        fixed=Ground(230, 239, 241, 130, 219, 16),
        orange=((254, 222, 208), (181, 58, 0)),
        blue=((211, 233, 252), (7, 111, 175)),
    ),
    Theme(
        "catppuccin-latte",
        light=True,
        true=Ground((239, 241, 245), (68, 71, 94), (95, 98, 118), (200, 14, 54), (234, 118, 203), _BLACK),
        fixed=Ground(255, 239, 241, 125, 176, 16),
        orange=((254, 215, 196), (170, 62, 0)),
        blue=((210, 225, 252), (10, 85, 227)),
    ),
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT, *_OTHERS)}
"""All themes by name, dark and light first."""


def plain_theme(*, light: bool) -> Theme:
    """The theme `dark` or `light`."""
    return LIGHT if light else DARK
