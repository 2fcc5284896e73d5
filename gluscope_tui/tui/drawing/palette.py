"""The palette of the explorer for one colour depth and theme: a style for every role, and the glyphs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from ...colour.depth import Depth
from ...colour.ramp import Ramp, themed
from ...colour.style import Style
from ...colour.themes import DARK, Theme


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
    selected: str = "•"
    left: str = "‹"
    right: str = "›"


ASCII_GLYPHS = Glyphs(">", "|", "-", "+", "+", ":", "<>", " .:-=+*#@", ", ", "v", "^", "~", "*", "x", "<", ">")


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
        if not (style.bold or style.underline or style.reverse):
            return plain
        return replace(
            plain,
            bold=plain.bold or style.bold,
            underline=plain.underline or style.underline,
            reverse=plain.reverse or style.reverse,
        )


@cache
def palette(depth: Depth, *, theme: Theme = DARK, ascii_only: bool = False) -> Palette:
    """The palette for a colour depth in a theme. Without colour, roles differ by attributes."""
    glyphs = ASCII_GLYPHS if ascii_only else Glyphs()
    colours = themed(Depth.NONE if depth is Depth.PLAIN else depth, theme)
    found = theme.ground(depth)
    if found is None:
        plain, bold, reverse = Style(), Style(bold=True), Style(reverse=True)
        match = Style(underline=True, reverse=True)
        return Palette(plain, plain, bold, bold, reverse, bold, match, colours, glyphs, ascii_only)
    ground, text = found.ground, found.text
    return Palette(
        text=Style(text, ground),
        faint=Style(found.faint, ground),
        strong=Style(text, ground, bold=True),
        title=Style(text, ground, bold=True),
        title_focused=Style(text, ground, bold=True, reverse=True),
        warning=Style(found.warning, ground, bold=True),
        match=Style(found.on_match, found.match, underline=True),
        ramp=colours,
        glyphs=glyphs,
        ascii_only=ascii_only,
    )
