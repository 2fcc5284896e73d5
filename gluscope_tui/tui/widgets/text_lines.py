"""Lines of text that scroll, one of them possibly chosen."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from ...text.clean import clean
from ..drawing.painting import strip
from .lines import Lines


@dataclass(frozen=True, slots=True)
class TextPicture:
    """Lines as (kind, text), where kind is "title", "key" or "text"; the first visible line; the chosen line."""

    lines: tuple[tuple[str, str], ...]
    top: int = 0
    chosen: int | None = None


class TextLines(Lines[TextPicture]):
    """A text. The wheel and clicks become messages."""

    class Wheel(Message):
        """The wheel was turned, by so many lines."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    class Clicked(Message):
        """A line was clicked."""

        def __init__(self, line: int) -> None:
            self.line = line
            super().__init__()

    def draw(self, picture: TextPicture, width: int, height: int) -> list[Strip]:
        palette = self.palette
        rows = []
        for number, (kind, text) in enumerate(picture.lines[picture.top : picture.top + height], picture.top):
            here = number == picture.chosen
            mark = f"{palette.glyphs.cursor} " if here else "  "
            style = palette.title if kind == "title" or here else palette.text
            rows.append(strip([(mark + clean(text, ascii_only=palette.ascii_only), style)], width, palette.text))
        return rows

    def on_click(self, event: events.Click) -> None:
        if self.picture is not None and self.picture.top + event.y < len(self.picture.lines):
            self.post_message(self.Clicked(self.picture.top + event.y))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))
