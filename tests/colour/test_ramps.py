"""The ramps: one hue each, monotonic in lightness, with two signs that everybody can tell apart.

Hue and lightness are those of OKLab (Ottosson 2020), which keeps blues of one hue together where CIE Lab turns them
purple; what a deuteranope sees is by Vienot, Brettel and Mollon (1999); differences are CIE 1976.
"""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import pytest

from gluscope_tui.colour.contrast import XTERM, Rgb
from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import themed
from gluscope_tui.colour.style import Colour, Style
from gluscope_tui.colour.themes import THEMES
from tests.support.colours import COLOURED, shown

ROOT = Path(__file__).parents[2]
HUE_DEGREES = 25.0
"""The range in degrees that holds the hues of a ramp; a twelfth of the circle is 30."""
TOLD_APART = 20.0
"""A CIE 1976 difference at which nobody confuses two colours; 2.3 is just noticeable."""
Triple = tuple[float, float, float]


def light(colour: Rgb) -> Triple:
    red, green, blue = (c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return red, green, blue


def lit(colour: Colour | None) -> Triple:
    return light(shown(colour, XTERM))


def times(rows: tuple[Triple, ...], vector: Triple) -> Triple:
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows)
    return one, two, three


def oklab(colour: Rgb) -> Triple:
    cones = times(
        (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        ),
        light(colour),
    )
    root = (cones[0] ** (1 / 3), cones[1] ** (1 / 3), cones[2] ** (1 / 3))
    return times(
        (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        ),
        root,
    )


def hue(colour: Rgb) -> float:
    _, a, b = oklab(colour)
    return math.degrees(math.atan2(b, a)) % 360


def cie_lab(linear: Triple) -> Triple:
    xyz = times(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), linear)
    bent = [
        t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
        for t in (v / w for v, w in zip(xyz, (0.95047, 1.0, 1.08883), strict=True))
    ]
    return 116 * bent[1] - 16, 500 * (bent[0] - bent[1]), 200 * (bent[1] - bent[2])


def deuteranope(colour: Rgb) -> Triple:
    """The linear light of a colour as a deuteranope sees it."""
    red, green, blue = light(colour)
    both = 0.29275 * red + 0.70725 * green
    return both, both, min(max(blue + 0.02234 * (green - red), 0.0), 1.0)


def seen_difference(one: Rgb, other: Rgb) -> float:
    return math.dist(cie_lab(deuteranope(one)), cie_lab(deuteranope(other)))


def hued(style: Style) -> Rgb:
    """The colour of a cell: its background, or its text if the background is the screen's."""
    ground = shown(style.bg, XTERM)
    return shown(style.fg, XTERM) if ground in ((0, 0, 0), (255, 255, 255)) else ground


LOOKS = [(depth, name) for name in THEMES for depth in COLOURED]


@pytest.mark.parametrize(("depth", "name"), LOOKS)
def test_a_ramp_has_one_hue(depth: Depth, name: str) -> None:
    styles = themed(depth, THEMES[name])
    for side in (styles.positive, styles.negative):
        hues = [hue(hued(style)) for style in side]
        # by 60 degrees: red, as the terminal has it, lies at 29, blue at 264, cyan at 195
        assert max(hues) - min(hues) <= HUE_DEGREES


@pytest.mark.parametrize(("depth", "name"), LOOKS)
def test_lightness_leads_away_from_the_ground_in_visible_steps(depth: Depth, name: str) -> None:
    theme, styles = THEMES[name], themed(depth, THEMES[name])
    ground = theme.ground(depth)
    assert ground is not None
    assert theme.light == (oklab(shown(ground.ground, XTERM))[0] > 0.5)
    for side in (styles.positive, styles.negative):
        cells = [shown(style.bg, XTERM) for style in side]
        before = [shown(ground.ground, XTERM)] if depth is not Depth.ANSI16 else []  # whose weakest cell is text alone
        lightness = [oklab(colour)[0] for colour in (*before, *cells)]
        steps = [(after - before) * (-1 if theme.light else 1) for before, after in itertools.pairwise(lightness)]
        assert min(steps) >= 0.02


@pytest.mark.parametrize(("depth", "name"), LOOKS)
def test_text_is_readable_on_every_cell(depth: Depth, name: str) -> None:
    styles = themed(depth, THEMES[name])
    for style in (*styles.positive, *styles.negative):
        text, cell = (0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (lit(style.fg), lit(style.bg)))
        assert (max(text, cell) + 0.05) / (min(text, cell) + 0.05) >= 4.5


@pytest.mark.parametrize(("depth", "name"), LOOKS)
def test_the_two_signs_differ_without_green_cones(depth: Depth, name: str) -> None:
    styles = themed(depth, THEMES[name])
    for positive, negative in itertools.product(styles.positive, styles.negative):
        assert seen_difference(hued(positive), hued(negative)) >= TOLD_APART


def test_the_picture_of_the_ramps_is_current(tmp_path: Path) -> None:
    made = tmp_path / "ramps.svg"
    subprocess.run([sys.executable, ROOT / "screenshots" / "ramps.py", made], check=True, capture_output=True)
    assert made.read_text(encoding="utf-8") == (ROOT / "docs" / "ramps.svg").read_text(encoding="utf-8")
