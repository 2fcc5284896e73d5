"""The scatter: every point in its place, crowds no blot, lines of one length."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.colour.depth import Depth
from gluscope_tui.text.cells import cell_len
from gluscope_tui.views.page import painted
from gluscope_tui.views.scatter import SCALES, Axis, axis, picture

_FIRST = 10  # cells in front of the picture


def _lines(xs: list[float], ys: list[float], size: tuple[int, int], **options: bool) -> list[str]:
    x, y = axis("x", xs, "linear"), axis("y", ys, "linear")
    return ["".join(text for text, _ in line) for line in picture(x, y, xs, ys, size, Depth.PLAIN, **options)]


def _lit(lines: list[str]) -> set[tuple[int, int]]:
    """The dots (across, up) of the braille characters."""
    bits = {0: (0, 0), 1: (0, 1), 2: (0, 2), 3: (1, 0), 4: (1, 1), 5: (1, 2), 6: (0, 3), 7: (1, 3)}
    found = set()
    rows = 4 * (len(lines) - 2)
    for number, line in enumerate(lines[:-2]):
        for place, character in enumerate(line[_FIRST:]):
            code = ord(character) - 0x2800
            for bit, (across, down) in bits.items():
                if 0 <= code < 256 and code >> bit & 1:
                    found.add((2 * place + across, rows - 1 - (4 * number + down)))
    return found


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 23)), min_size=1, max_size=20, unique=True))
def test_every_single_point_is_lit_in_its_place(points: list[tuple[int, int]]) -> None:
    corners = [(0, 0), (40, 24)]  # so that a slot is one wide
    together = [*points, *corners]
    xs, ys = ([float(point[axis_]) for point in together] for axis_ in (0, 1))
    lit = _lit(_lines(xs, ys, (_FIRST + 20, 8)))
    crowded = {
        (x // 2, y // 4) for x, y in points if sum((a // 2, b // 4) == (x // 2, y // 4) for a, b in together) > 3
    }
    for x, y in points:
        assert (x, y) in lit or (x // 2, y // 4) in crowded
    assert lit <= {(min(x, 39), min(y, 23)) for x, y in together}


def test_a_crowd_is_lit_the_more_the_more_points_there_are() -> None:
    xs, ys = [], []
    for column in range(40):
        for row in range(24):
            count = 1 if column < 20 else 200
            xs += [column + 0.5] * count
            ys += [row + 0.5] * count
    lit = _lit(_lines([*xs, 0.0, 40.0], [*ys, 0.0, 24.0], (_FIRST + 20, 8)))
    few, many = (sum(x in place for x, _ in lit) for place in (range(20), range(20, 40)))
    assert many > 3 * few > 0


@pytest.mark.parametrize("depth", [Depth.PLAIN, Depth.NONE, Depth.ANSI16, Depth.ANSI256, Depth.TRUE])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_lines_fit_and_plain_ones_have_no_escape(depth: Depth, ascii_only: bool) -> None:
    xs, ys = [-1.0, 0.0, 5.0, 5.0], [0.5, -2.0, 3.0, 3.0]
    x, y = axis("x", xs, "asinh"), axis("y", ys, "linear")
    lines = picture(x, y, xs, ys, (50, 10), depth, ascii_only=ascii_only)
    assert len(lines) == 10
    for line in lines:
        assert cell_len("".join(text for text, _ in line)) == 50
    assert ("\x1b" in "".join(map(painted, lines))) == (depth not in (Depth.PLAIN, Depth.NONE))


CURVES = {"linear": (lambda v: v), "asinh": (lambda v: math.asinh(v / 1.5)), "log": math.log}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("low", "high"), [(0.0173, 0.0941), (0.3, 7.7), (0.002, 31_000.0), (-3.0, 7.0), (-900.0, 0.5)])
def test_round_numbers_stand_where_their_values_lie(scale: str, low: float, high: float) -> None:
    if scale == "log" and low <= 0:
        return
    curve = CURVES[scale]
    values = Axis("v", scale, low, high, 1.5)
    lines = [
        "".join(text for text, _ in line) for line in picture(values, values, [low], [high], (81, 32), Depth.PLAIN)
    ]
    share = {}
    beside = {number: line[:9].strip() for number, line in enumerate(lines[:-2]) if line[:9].strip()}
    under = [(found.start(), found[0]) for found in re.finditer(r"\S+", lines[-1][_FIRST:])]
    for number, text in beside.items():
        share[text] = (30 - number - 0.5) / 30
        assert lines[number][9] == "┤"
    assert len(share) >= 3
    for start, text in under:
        across = lines[-2].index("┬", _FIRST + start) - _FIRST  # the middle, but at the edges
        assert start <= across < start + len(text)
        assert abs((across + 0.5) / 71 - place(curve, float(text), low, high)) <= 1 / 71
    assert len(under) >= 3
    for text, at in share.items():
        assert float(f"{float(text):.1e}") == float(text)  # two digits at most
        assert abs(at - place(curve, float(text), low, high)) <= 1 / 30


def place(curve: Callable[[float], float], value: float, low: float, high: float) -> float:
    return (curve(value) - curve(low)) / (curve(high) - curve(low))


def test_axes_keep_the_order_of_values() -> None:
    values = [0.001, 0.01, 0.5, 1.0, 20.0, 3000.0]
    for scale in ("linear", "asinh", "log"):
        slots = axis("x", values, scale).slots(values, 100)
        assert slots == sorted(slots)
        assert (slots[0], slots[-1]) == (0, 99)
    log = axis("x", values, "log").slots([0.001, 1.75, 3000.0], 100)
    assert log[1] == 50  # 0.001 to 3000: the middle of the logarithms
    assert axis("x", [2.0, 2.0], "linear").slots([2.0], 10) == [0]
