"""A canvas on which rectangles, lines and text are put, and which becomes one SVG document."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from ...colour.contrast import rgb
from ...colour.style import Colour, Style
from ...text.cells import cell_len

SIZE = 10.0
"""The height of letters, in user units."""
CELL = 0.602 * SIZE
"""The width of a letter of DejaVu Sans Mono; text is given its length, so that any other font takes the same place."""
LINE = 14.0
"""From one line to the next."""
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
GENERATOR = b"<!-- made by gluscope -->"
"""What tells a picture of ours from other files."""
INK, FAINT, GROUND = "#111111", "#5b5b5b", "#ffffff"


def ground(style: Style) -> str:
    """The ground of a style as SVG writes it; white if it has none."""
    return GROUND if style.bg is None else _hexadecimal(style.bg)


def ink(style: Style) -> str:
    """The colour of a style's text."""
    return INK if style.fg is None else _hexadecimal(style.fg)


def _hexadecimal(colour: Colour) -> str:
    red, green, blue = rgb(colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def number(value: float) -> str:
    """A coordinate with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Canvas:
    """What was drawn so far. Text must be clean; coordinates are in user units, from the upper left."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle."""
        self._parts.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" fill="{fill}"/>'
        )

    def path(self, data: str, stroke: str, width: float) -> None:
        """Lines."""
        self._parts.append(f'<path d="{data}" fill="none" stroke="{stroke}" stroke-width="{number(width)}"/>')

    def text(self, x: float, y: float, text: str, fill: str = INK, *, bold: bool = False, marked: bool = False) -> None:
        """A line of text whose letters each take a cell; blanks at its ends only take place. `marked`: underlined."""
        shown = text.strip(" ")
        if not shown:
            return
        start = x + CELL * (len(text) - len(text.lstrip(" ")))
        look = (' font-weight="bold"' if bold or marked else "") + (' text-decoration="underline"' if marked else "")
        length = number(CELL * cell_len(shown))
        self._parts.append(
            f'<text x="{number(start)}" y="{number(y)}" textLength="{length}" lengthAdjust="spacingAndGlyphs" '
            f'fill="{fill}"{look}>{escape(shown)}</text>'
        )

    def dots(self, data: str, colour: str, width: float, corner: tuple[float, float]) -> None:
        """Dots at the ends of a path's lines of no length, from a corner."""
        x, y = corner
        self._parts.append(
            f'<path transform="translate({number(x)} {number(y)})" d="{data}" fill="none" stroke="{colour}" '
            f'stroke-width="{number(width)}" stroke-linecap="round"/>'
        )

    def upright(self, x: float, y: float, text: str, fill: str = INK) -> None:
        """A line of text that runs upwards, its middle at (x, y)."""
        self._parts.append(
            f'<text transform="translate({number(x)} {number(y)}) rotate(-90)" text-anchor="middle" fill="{fill}">'
            f"{escape(text)}</text>"
        )

    def svg(self, width: float, height: float, title: str, description: str) -> str:
        """The document: white ground, a title and a description for those who can't see it."""
        size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family={quoteattr(FONTS)} '
            f'font-size="{number(SIZE)}" xml:space="preserve">{GENERATOR.decode()}\n'
            f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
            "<style>text { white-space: pre }</style>\n"
            f'<rect width="100%" height="100%" fill="{GROUND}"/>\n'
        )
        return head + "\n".join(self._parts) + "\n</svg>\n"
