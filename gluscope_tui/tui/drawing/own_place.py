"""Where the strip with a text of one's own stands: under the header, at the cost of what is below it. Pure."""

from __future__ import annotations

from dataclasses import replace

from indexer.quadrants import Quadrant

from .layout import LEAST_WIDTH, Layout, Rectangle, home_layout

ROWS = 3
THREE_FROM, TWO_FROM = 20, 14
"""The heights from which the strip has three rows, and two; under that it has none."""


def own_rows(cells: int, width: int, height: int) -> int:
    """The rows of the strip for a text of so many cells in a terminal of this size."""
    if width < LEAST_WIDTH or height < TWO_FROM:
        return 0
    return ROWS if height >= THREE_FROM and cells >= width else ROWS - 1


def layout_with_own(
    rows: int, width: int, height: int, focused: Quadrant, *, zoomed: bool = False, in_list: bool = False
) -> Layout:
    """The layout of home with the strip as its part `own`, in so many rows."""
    layout = home_layout(width, height - rows, focused, zoomed=zoomed, in_list=in_list)
    if not rows:
        return layout
    heads = layout.parts["header"].height
    parts = {name: place if name == "header" else _lower(place, rows) for name, place in layout.parts.items()}
    parts["own"] = Rectangle(0, heads, width, rows)
    return replace(layout, parts=parts, panes={one: _lower(place, rows) for one, place in layout.panes.items()})


def _lower(place: Rectangle, rows: int) -> Rectangle:
    return replace(place, y=place.y + rows)
