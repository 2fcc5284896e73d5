"""A scatter of two columns as a picture: a dot for each place that has points, darker the more it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

from ...colour.depth import Depth
from ...colour.ramp import ramp
from ...text.cells import cell_len
from ..numbers import full_count
from ..scatter import Axis, ticks
from ..ticks import label
from .canvas import CELL, FAINT, LINE, SIZE, Canvas, ground, number

_WIDTH, _HEIGHT = 480, 320  # of the plot, in user units: a place is one unit
_LEFT, _TOP, _EDGE = 78.0, 44.0, 14.0
_DOT = 2.4
_SHADES = (9, 11, 13, 15, 16)  # steps of the ramp, from one point to the fullest place


@dataclass(frozen=True, slots=True)
class Points:
    """The points, a value of each column for each, and what is said above them."""

    xs: Sequence[float]
    ys: Sequence[float]
    said: str


def picture(x: Axis, y: Axis, points: Points) -> str:
    """The SVG of the points, with ticks at equal steps of each axis."""
    canvas = Canvas()
    places = Counter(zip(x.slots(points.xs, _WIDTH), y.slots(points.ys, _HEIGHT), strict=True))
    most = log1p(max(places.values()))
    dots: list[list[str]] = [[] for _ in _SHADES]
    for (across, up), count in places.items():
        shade = round((log1p(count) - log1p(1)) / ((most - log1p(1)) or 1.0) * (len(_SHADES) - 1))
        dots[shade].append(f"M{across} {_HEIGHT - 1 - up}h0")
    canvas.text(_EDGE, _EDGE + SIZE, points.said, bold=True)
    note = {"linear": "", "asinh": ", asinh", "log": ", log"}
    canvas.upright(_EDGE + SIZE, _TOP + _HEIGHT / 2, f"{y.name}{note[y.scale]}")
    name = f"{x.name}{note[x.scale]}"
    canvas.text(_LEFT + _WIDTH / 2 - CELL * cell_len(name) / 2, _TOP + _HEIGHT + 2.9 * LINE, name)
    _axes(canvas, x, y)
    colours = ramp(Depth.TRUE, light=True).positive
    for shade, data in enumerate(dots):
        if data:
            canvas.dots("".join(data), ground(colours[_SHADES[shade] - 1]), _DOT, (_LEFT, _TOP))
    width, height = _LEFT + _WIDTH + 2 * _EDGE, _TOP + _HEIGHT + 3.6 * LINE
    return canvas.svg(width, height, points.said, f"{full_count(len(points.xs))} neurons, {y.name} over {x.name}")


def _axes(canvas: Canvas, x: Axis, y: Axis) -> None:
    """Both axes with round numbers, as many as have room."""
    canvas.path(f"M{number(_LEFT)} {number(_TOP)}v{_HEIGHT + 2}h{_WIDTH}", FAINT, 0.6)
    under = ticks(x, lambda value: x.slots([value], _WIDTH)[0], lambda value: round(CELL * (len(label(value)) + 1) / 2))
    for slot, value in under.items():
        place, text = _LEFT + slot, label(value)
        canvas.path(f"M{number(place)} {number(_TOP + _HEIGHT + 2)}v4", FAINT, 0.6)
        canvas.text(place - CELL * cell_len(text) / 2, _TOP + _HEIGHT + 1.4 * LINE, text, FAINT)
    beside = ticks(y, lambda value: y.slots([value], _HEIGHT)[0], lambda _: round(LINE))
    for slot, value in beside.items():
        place, text = _TOP + _HEIGHT - 1 - slot, label(value)
        canvas.path(f"M{number(_LEFT)} {number(place)}h-4", FAINT, 0.6)
        canvas.text(_LEFT - 7 - CELL * cell_len(text), place + SIZE / 3, text, FAINT)
