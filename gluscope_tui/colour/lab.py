"""Colours between two colours, in CIE Lab, where equal steps look equal."""

from __future__ import annotations

from .contrast import Rgb, linear

_WHITE = (0.95047, 1.0, 1.08883)  # D65
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_FROM_XYZ = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_Triple = tuple[float, float, float]


def between(start: Rgb, end: Rgb, steps: int) -> tuple[Rgb, ...]:
    """`steps` colours (2 or more) from `start` to `end`, both included, evenly spaced in Lab."""
    one, other = _lab(start), _lab(end)
    return tuple(_mixed(one, other, step / (steps - 1)) for step in range(steps))


def _mixed(one: _Triple, other: _Triple, share: float) -> Rgb:
    lightness, a, b = (x + (y - x) * share for x, y in zip(one, other, strict=True))
    return _rgb((lightness, a, b))


def _times(matrix: tuple[_Triple, ...], vector: _Triple) -> _Triple:
    x, y, z = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _lab(colour: Rgb) -> _Triple:
    red, green, blue = (linear(channel / 255) for channel in colour)
    x, y, z = (_bend(v / w) for v, w in zip(_times(_TO_XYZ, (red, green, blue)), _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _rgb(lab: _Triple) -> Rgb:
    lightness, a, b = lab
    y = (lightness + 16) / 116
    x, y, z = (_unbend(v) * w for v, w in zip((y + a / 500, y, y - b / 200), _WHITE, strict=True))
    red, green, blue = (_channel(value) for value in _times(_FROM_XYZ, (x, y, z)))
    return red, green, blue


def _bend(value: float) -> float:
    return float(value ** (1 / 3)) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


def _unbend(value: float) -> float:
    return value**3 if value**3 > 216 / 24389 else (116 * value - 16) / (24389 / 27)


def _channel(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    gamma = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(gamma * 255)
