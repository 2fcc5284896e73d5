"""Luminance and contrast as WCAG 2 defines them, for any terminal colour."""

from __future__ import annotations

from .style import Colour

Rgb = tuple[int, int, int]

XTERM = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
"""The 16 colours of xterm. Other terminals have others: the ramp for 16 colours keeps to pairs that stay far apart."""
VGA = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
"""The 16 colours of the Linux console."""
_CUBE = (0, 95, 135, 175, 215, 255)


def rgb(colour: Colour, palette: tuple[Rgb, ...] = XTERM) -> Rgb:
    """Red, green and blue of a colour; the first 16 of the palette are the usual ones, since terminals differ."""
    if isinstance(colour, tuple):
        return colour
    if colour < 16:
        return palette[colour]
    if colour < 232:
        place = colour - 16
        return _CUBE[place // 36], _CUBE[place // 6 % 6], _CUBE[place % 6]
    grey = 8 + 10 * (colour - 232)
    return grey, grey, grey


def luminance(colour: Colour, palette: tuple[Rgb, ...] = XTERM) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    red, green, blue = (linear(channel / 255) for channel in rgb(colour, palette))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: Colour, other: Colour, palette: tuple[Rgb, ...] = XTERM) -> float:
    """Contrast of two colours, 1 to 21; text can be read from 4.5."""
    darker, brighter = sorted((luminance(one, palette), luminance(other, palette)))
    return (brighter + 0.05) / (darker + 0.05)


def text_on(background: Colour, black: Colour, white: Colour) -> Colour:
    """Whichever of black and white stands out more; never under 4.58."""
    return black if ratio(black, background) >= ratio(white, background) else white


def linear(channel: float) -> float:
    """A channel of sRGB, 0 to 1, as linear light."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
