"""How a stretch of text looks: a small value that becomes an escape sequence or a Rich style."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.color import Color
    from rich.style import Style as RichStyle

Colour = int | tuple[int, int, int]
"""A number of the terminal's palette (0-15: its own, 16-255: fixed), or red, green, blue."""


@dataclass(frozen=True, slots=True)
class Style:
    """Colours and attributes; None is the terminal's own colour."""

    fg: Colour | None = None
    bg: Colour | None = None
    bold: bool = False
    underline: bool = False
    reverse: bool = False

    def marked(self) -> Style:
        """This style with the two attributes that mark a peak."""
        return replace(self, bold=True, underline=True)

    @property
    def sgr(self) -> str:
        """The parameters of the escape sequence that switches it on, e.g. `1;4;38;5;231;48;5;24`; "" for plain."""
        return _sgr(self)

    def paint(self, text: str) -> str:
        """The text between the escape sequences of the style; only the text if the style is plain."""
        return f"\x1b[{self.sgr}m{text}\x1b[0m" if self.sgr and text else text

    def rich(self) -> RichStyle:
        """The same style for Rich, which Textual also accepts."""
        return _rich(self)


PLAIN = Style()

StyledLine = tuple[tuple[str, Style], ...]
"""A line as stretches of text with a style each."""


@lru_cache(maxsize=1024)
def _sgr(style: Style) -> str:
    parts = [code for code, on in (("1", style.bold), ("4", style.underline), ("7", style.reverse)) if on]
    if style.fg is not None:
        parts.append(_colour_code(style.fg, 38, 30, 90))
    if style.bg is not None:
        parts.append(_colour_code(style.bg, 48, 40, 100))
    return ";".join(parts)


def _colour_code(colour: Colour, extended: int, normal: int, bright: int) -> str:
    if isinstance(colour, tuple):
        return f"{extended};2;" + ";".join(map(str, colour))
    if colour < 8:
        return str(normal + colour)
    if colour < 16:
        return str(bright + colour - 8)
    return f"{extended};5;{colour}"


@lru_cache(maxsize=1024)
def _rich(style: Style) -> RichStyle:
    from rich.style import Style as RichStyle

    return RichStyle(
        color=None if style.fg is None else _rich_colour(style.fg),
        bgcolor=None if style.bg is None else _rich_colour(style.bg),
        bold=style.bold or None,
        underline=style.underline or None,
        reverse=style.reverse or None,
    )


def _rich_colour(colour: Colour) -> Color:
    from rich.color import Color

    return Color.from_rgb(*colour) if isinstance(colour, tuple) else Color.from_ansi(colour)
