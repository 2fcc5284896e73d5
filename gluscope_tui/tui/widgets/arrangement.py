"""Places the parts of a screen by pure arithmetic: one pass, no scrolling, no style sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from ..drawing.layout import Rectangle


class Arrangement(Layout):
    """A layout of Textual that asks for the rectangle of every part by its id; parts without one are not shown."""

    name = "arrangement"

    def __init__(self, rectangles: Callable[[int, int], Mapping[str, Rectangle]]) -> None:
        self._rectangles = rectangles

    def arrange(  # the signature is Textual's
        self,
        parent: Widget,  # noqa: ARG002
        children: list[Widget],
        size: Size,
        greedy: bool = True,  # noqa: ARG002
    ) -> ArrangeResult:
        places = self._rectangles(size.width, size.height)
        return [
            WidgetPlacement(Region(at.x, at.y, at.width, at.height), NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if (at := places.get(child.id or "")) is not None
        ]
