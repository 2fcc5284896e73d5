"""The layout of the home screen: pure arithmetic from the size of the terminal to rectangles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexer.quadrants import QUADRANTS, Quadrant

GRID_WIDTH, GRID_HEIGHT = 72, 18
LEAST_WIDTH, LEAST_HEIGHT = 40, 10
LIST_FROM = 110
FULL_FOOT_FROM = 16
TWO_HEADS_FROM = 24
"""From this height the header has one line for the index and one for the neuron."""
LIST_WIDTH = 24
VALUES_FROM = 58
"""From this pane width a context starts with post, gate and in."""
WORDS_FROM = 50
"""From this pane width a title has full counts and names gate and in."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle of terminal cells: the upper left cell and the size."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of the home screen that are shown, each with its rectangle; absent parts are hidden."""

    kind: str  # "grid", "single" (one pane and a tab row), "list" (the list instead of the panes) or "small"
    parts: Mapping[str, Rectangle]
    panes: Mapping[Quadrant, Rectangle] = field(default_factory=dict)


def home_layout(width: int, height: int, focused: Quadrant, *, zoomed: bool = False, in_list: bool = False) -> Layout:
    """The layout for a terminal of this size, which may be as small as 1x1.

    - From 72x18: four panes. Below that, or zoomed: the focused pane under a tab row.
    - From 24 rows: a header of two lines. Under 16 rows: no legend and no hints.
    - From 110 columns: the list beside the panes. Below that the list replaces the panes while it is in use.
    - Under 40x10: only the part `small`, which says what size is needed.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Layout("small", {"small": Rectangle(0, 0, width, height)})
    heads = 2 if height >= TWO_HEADS_FROM else 1
    parts = {"header": Rectangle(0, 0, width, heads)}
    foot = ["inspector", "legend", "hints"] if height >= FULL_FOOT_FROM else ["inspector"]
    bottom = height - len(foot)
    parts.update({name: Rectangle(0, bottom + row, width, 1) for row, name in enumerate(foot)})
    beside = width >= LIST_FROM
    body = Rectangle(0, heads, width - LIST_WIDTH if beside else width, bottom - heads)
    if beside:
        parts["list"] = Rectangle(body.width, heads, LIST_WIDTH, body.height)
    elif in_list:
        return Layout("list", {**parts, "list": body})
    if zoomed or body.width < GRID_WIDTH or height < GRID_HEIGHT:
        parts["tabs"] = Rectangle(0, heads, body.width, 1)
        return Layout("single", parts, {focused: Rectangle(0, heads + 1, body.width, body.height - 1)})
    return Layout("grid", parts, _grid(body))


def _grid(body: Rectangle) -> dict[Quadrant, Rectangle]:
    """Four rectangles: rows gate + and gate -, columns in + and in -. The left ones include the shared divider."""
    left, upper = body.width // 2, (body.height + 1) // 2
    columns = ((body.x, left), (body.x + left, body.width - left))
    rows = ((body.y, upper), (body.y + upper, body.height - upper))
    places = [Rectangle(x, y, width, height) for y, height in rows for x, width in columns]
    return dict(zip(QUADRANTS, places, strict=True))


def top_to_show(top: int, first: int, last: int, rows: int, total: int) -> int:
    """The scroll position nearest to `top` that shows lines `first` to `last` of `total` in `rows` rows.

    If they don't fit, `first` stays visible. The result never scrolls past the end.
    """
    top = min(max(top, last - rows + 1), first)
    return max(0, min(top, max(0, total - rows)))
