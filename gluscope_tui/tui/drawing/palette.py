"""The palette of the explorer for one colour depth, dark or light: a style for every role, and the glyphs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from ...colour.depth import Depth
from ...colour.ramp import Ramp, ramp
from ...colour.style import Colour, Style


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few non-ASCII characters that the frame needs."""

    cursor: str = "▸"
    vertical: str = "│"
    horizontal: str = "─"
    tee: str = "┬"
    cross: str = "┼"
    more: str = "⋮"
    flipped: str = "⇄"
    bars: str = " ▁▂▃▄▅▆▇█"
    between: str = " · "
    down: str = "↓"
    up: str = "↑"
    about: str = "≈"
    marked: str = "★"


ASCII_GLYPHS = Glyphs(">", "|", "-", "+", "+", ":", "<>", " .:-=+*#@", ", ", "v", "^", "~", "*")


@dataclass(frozen=True, slots=True)
class Palette:
    """A style for each role on the screen. If there is colour at all, each style names its background."""

    text: Style
    faint: Style  # tokens outside the quadrant, frame, hints
    strong: Style
    title: Style
    title_focused: Style
    warning: Style
    match: Style
    ramp: Ramp
    glyphs: Glyphs
    ascii_only: bool

    @property
    def shades(self) -> int:
        """The number of shades of a table's cell; none without colour, since attributes are not shades."""
        return self.ramp.steps if self.text.bg is not None else 0

    def on_ground(self, style: Style, plain: Style) -> Style:
        """A style of a ramp if it has colours, otherwise `plain` with its attributes."""
        if style.fg is not None or style.bg is not None:
            return style
        return replace(
            plain,
            bold=plain.bold or style.bold,
            underline=plain.underline or style.underline,
            reverse=plain.reverse or style.reverse,
        )


# background, text, faint, warning, match, text on a match: each colour of text has at least 4.5:1 on its background
_GROUNDS: dict[tuple[Depth, bool], tuple[Colour, Colour, Colour, Colour, Colour, Colour]] = {
    (Depth.TRUE, False): ((18, 18, 22), (228, 228, 232), (150, 150, 158), (255, 196, 84), (244, 143, 209), (0, 0, 0)),
    (Depth.TRUE, True): ((255, 255, 255), (24, 24, 27), (102, 102, 110), (154, 52, 18), (240, 171, 252), (0, 0, 0)),
    (Depth.ANSI256, False): (233, 254, 246, 221, 212, 16),
    (Depth.ANSI256, True): (231, 234, 241, 130, 219, 16),
    (Depth.ANSI16, False): (0, 7, 7, 11, 13, 0),
    (Depth.ANSI16, True): (15, 0, 0, 1, 13, 0),
}


@cache
def palette(depth: Depth, *, light: bool = False, ascii_only: bool = False) -> Palette:
    """The palette for a colour depth on a dark or light background. Without colour, roles differ by attributes."""
    glyphs = ASCII_GLYPHS if ascii_only else Glyphs()
    colours = ramp(Depth.NONE if depth is Depth.PLAIN else depth, light=light)
    if (depth, light) not in _GROUNDS:
        plain, bold, reverse = Style(), Style(bold=True), Style(reverse=True)
        match = Style(underline=True, reverse=True)
        return Palette(plain, plain, bold, bold, reverse, bold, match, colours, glyphs, ascii_only)
    ground, text, faint, warning, match_ground, match_text = _GROUNDS[depth, light]
    return Palette(
        text=Style(text, ground),
        faint=Style(faint, ground),
        strong=Style(text, ground, bold=True),
        title=Style(text, ground, bold=True),
        title_focused=Style(text, ground, bold=True, reverse=True),
        warning=Style(warning, ground, bold=True),
        match=Style(match_text, match_ground, underline=True),
        ramp=colours,
        glyphs=glyphs,
        ascii_only=ascii_only,
    )
