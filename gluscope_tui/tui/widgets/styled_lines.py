"""Styled lines that scroll."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from ...colour.style import StyledLine
from ..drawing.painting import strip
from .lines import Lines


@dataclass(frozen=True, slots=True)
class StyledPicture:
    """The lines, and the first visible one."""

    lines: tuple[StyledLine, ...]
    top: int = 0


class StyledLines(Lines[StyledPicture]):
    """Clean styled text. The wheel and clicks become messages."""

    class Wheel(Message):
        """The wheel was turned, by so many lines."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    class Clicked(Message):
        """A cell of a line was clicked."""

        def __init__(self, line: int, cell: int) -> None:
            self.line, self.cell = line, cell
            super().__init__()

    def draw(self, picture: StyledPicture, width: int, height: int) -> list[Strip]:
        ground = self.palette.text
        return [strip(line, width, ground) for line in picture.lines[picture.top : picture.top + height]]

    def on_click(self, event: events.Click) -> None:
        if self.picture is not None and self.picture.top + event.y < len(self.picture.lines):
            self.post_message(self.Clicked(self.picture.top + event.y, event.x))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))
