"""The strip under the header: a text of one's own in a neuron's colours, and the values of one token."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from ...colour.style import StyledLine
from ..drawing.contexts import Row
from ..drawing.painting import strip
from .lines import Lines


@dataclass(frozen=True, slots=True)
class OwnTextPicture:
    """The visible rows of the text, and the line under them."""

    rows: tuple[Row, ...]
    last: StyledLine


class OwnText(Lines[OwnTextPicture]):
    """The widget. A click on a token becomes a message."""

    class Clicked(Message):
        """A token was clicked."""

        def __init__(self, token: int) -> None:
            self.token = token
            super().__init__()

    def draw(self, picture: OwnTextPicture, width: int, height: int) -> list[Strip]:
        ground = self.palette.text
        rows = [strip(((" ", ground), *row.parts), width, ground) for row in picture.rows]
        room = max(0, height - 1)
        empty = [strip((), width, ground)] * max(0, room - len(rows))
        return [*rows[:room], *empty, strip(picture.last, width, ground)]

    def on_click(self, event: events.Click) -> None:
        if self.picture is None or event.y >= len(self.picture.rows):
            return
        token = self.picture.rows[event.y].token_at(event.x - 1)
        if token is not None:
            self.post_message(self.Clicked(token))
