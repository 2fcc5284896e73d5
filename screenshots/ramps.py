"""Makes docs/ramps.svg: every ramp as it looks, and as a deuteranope sees it: python screenshots/ramps.py [FILE]."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from gluscope_tui.colour.contrast import Rgb, linear, rgb  # noqa: E402  # the path comes first
from gluscope_tui.colour.depth import Depth  # noqa: E402
from gluscope_tui.colour.ramp import themed  # noqa: E402
from gluscope_tui.colour.style import Style  # noqa: E402
from gluscope_tui.colour.themes import DARK, LIGHT, THEMES  # noqa: E402

DEPTHS = (Depth.TRUE, Depth.ANSI256, Depth.ANSI16)
ROW, LABEL, STRIP = 26, 310, 320


def seen_by_deuteranope(colour: Rgb) -> Rgb:
    """The colour as it looks without the cones for medium wavelengths (Vienot, Brettel and Mollon 1999)."""
    red, green, blue = (linear(channel / 255) for channel in colour)
    both = 0.29275 * red + 0.70725 * green
    seen = (both, both, 0.02234 * (green - red) + blue)
    one, two, three = (round(255 * _gamma(min(max(channel, 0.0), 1.0))) for channel in seen)
    return one, two, three


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else float(1.055 * channel ** (1 / 2.4) - 0.055)


def picture() -> str:
    """The page as SVG: a row a ramp, its cells with the text on them, once as they are and once as a deuteranope's."""
    parts: list[str] = []
    y = 30
    for theme in THEMES.values():
        for depth in DEPTHS if theme in (DARK, LIGHT) else DEPTHS[:2]:  # with 16 colours the others are as these two
            styles, found = themed(depth, theme), theme.ground(depth)
            ground = rgb(0 if found is None else found.ground)
            for name, side in (("positive", styles.positive), ("negative", styles.negative)):
                words = f"{theme.name}, {depth.value}, {name}"
                parts.append(f'<text x="8" y="{y + 17}" fill="#000">{words}</text>')
                for column, deuteranope in enumerate((False, True)):
                    x = LABEL + column * (STRIP + 20)
                    parts.append(_box(x, y, STRIP, ground))
                    parts += _cells(side, x, y, deuteranope)
                y += ROW
        y += 10
    width = LABEL + 2 * STRIP + 30
    head = "".join(
        f'<text x="{LABEL + column * (STRIP + 20)}" y="20" fill="#000">{words}</text>'
        for column, words in enumerate(("as it is", "as a deuteranope sees it"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" font-family="monospace" font-size="12">'
        f'<rect width="{width}" height="{y}" fill="#d8d8d8"/>{head}\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _cells(side: tuple[Style, ...], x: int, y: int, deuteranope: bool) -> list[str]:
    """The cells of a ramp from weak to strong, each with the text that stands on it."""
    width, out = STRIP // len(side), []
    for place, style in enumerate(side):
        ground, text = (rgb(colour) for colour in (style.bg, style.fg) if colour is not None)
        if deuteranope:
            ground, text = seen_by_deuteranope(ground), seen_by_deuteranope(text)
        left = x + place * width
        out.append(_box(left, y, width, ground))
        out.append(f'<text x="{left + 3}" y="{y + 16}" fill="{_hex(text)}">{"ab"[: max(1, width // 16)]}</text>')
    return out


def _box(x: int, y: int, width: int, colour: Rgb) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{ROW - 4}" fill="{_hex(colour)}"/>'


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "ramps.svg"
    path.write_text(picture(), encoding="utf-8")
    print(path)
