"""Depths that have colours, and the red, green and blue that a terminal shows for a colour."""

from __future__ import annotations

from rich.color import Color

from gluscope_tui.colour.contrast import Rgb
from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.style import Colour

COLOURED = (Depth.TRUE, Depth.ANSI256, Depth.ANSI16)


def shown(colour: Colour | None, palette: tuple[Rgb, ...]) -> Rgb:
    """Colour as red, green and blue: from `palette` for the first 16, from Rich for the others."""
    assert colour is not None
    if isinstance(colour, tuple):
        return colour
    if colour < 16:
        return palette[colour]
    triplet = Color.from_ansi(colour).get_truecolor()
    return triplet.red, triplet.green, triplet.blue
