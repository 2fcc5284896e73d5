"""The text of an open context, with its own line breaks, and the token under the cursor visible."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import Example
from indexer.quadrants import Quadrant

from ...views.contexts import Look
from ..drawing.contexts import Row, context_rows
from ..drawing.painting import strip
from .lines import Lines


@dataclass(frozen=True, slots=True)
class TextOfContext:
    """A context, usually widened to its whole sequence, and the place of the cursor in it."""

    example: Example
    quadrant: Quadrant
    look: Look
    token: int


class ContextText(Lines[TextOfContext]):
    """Wrapped text; the cursor's line stays in the middle."""

    class Clicked(Message):
        """A token was clicked."""

        def __init__(self, token: int) -> None:
            self.token = token
            super().__init__()

    _seen: tuple[Row, ...] = ()

    def draw(self, picture: TextOfContext, width: int, height: int) -> list[Strip]:
        palette = self.palette
        rows = context_rows(
            picture.example,
            picture.quadrant,
            max(1, width - 2),
            picture.look,
            palette,
            as_written=True,
            cursor=picture.token,
        )
        under = next((place for place, row in enumerate(rows) if picture.token in {t for *_, t in row.cells}), 0)
        top = min(max(0, under - height // 2), max(0, len(rows) - height))
        self._seen = tuple(rows[top : top + height])
        return [strip([(" ", palette.text), *row.parts], width, palette.text) for row in self._seen]

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._seen) and (token := self._seen[event.y].token_at(event.x - 1)) is not None:
            self.post_message(self.Clicked(token))
