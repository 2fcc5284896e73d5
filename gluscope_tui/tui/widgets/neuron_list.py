"""The current list of neurons: address, small bars of the four frequencies and extreme, or the context meant."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from indexer.database.records import NeuronRow

from ...text.cells import shorten
from ...views.numbers import signed
from ..drawing.painting import strip
from ..drawing.titles import bar
from .lines import Lines

HEADS = 2
"""The lines above the neurons: the list's title and its headings."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A line of the list; the row is None until it is read.

    `stands_for`: shown instead of the neuron's numbers if the line stands for one of its contexts.
    """

    address: str
    row: NeuronRow | None
    stands_for: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class ListPicture:
    """The visible part of the current list."""

    title: str
    first: int  # place of the first entry
    entries: tuple[ListEntry, ...]
    place: int  # of the neuron shown
    focused: bool


class NeuronList(Lines[ListPicture]):
    """The list beside the panes, behind its own divider."""

    class Clicked(Message):
        """A neuron of the list was clicked."""

        def __init__(self, place: int) -> None:
            self.place = place
            super().__init__()

    class Wheel(Message):
        """The wheel was turned over the list."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    def draw(self, picture: ListPicture, width: int, height: int) -> list[Strip]:
        palette, glyphs = self.palette, self.palette.glyphs
        words = shorten(picture.title, width - 4, ascii_only=palette.ascii_only)
        head = [
            (f"{glyphs.tee} ", palette.faint),
            (words, palette.title_focused if picture.focused else palette.title),
            (" ", palette.faint),
            (glyphs.horizontal * width, palette.faint),
        ]
        longest = max((len(entry.address) for entry in picture.entries), default=0)
        names = f" {'neuron':<{longest}} {self._heading(picture)}"
        heading = [(glyphs.vertical, palette.text), (names, palette.faint)]
        rows = [strip(head, width, palette.faint), strip(heading, width, palette.text)]
        for offset, entry in enumerate(picture.entries[: height - HEADS]):
            here = picture.first + offset == picture.place
            style = palette.strong if here else palette.text
            mark = glyphs.cursor if here else " "
            star = glyphs.marked if entry.marked else " "
            text = f"{mark}{entry.address:<{longest}}{star}{entry.stands_for or self._numbers(entry.row)}"
            rows.append(strip([(glyphs.vertical, palette.text), (text, style)], width, palette.text))
        edge = strip([(glyphs.vertical, palette.text)], width, palette.text)
        return rows + [edge] * (height - len(rows))

    @staticmethod
    def _heading(picture: ListPicture) -> str:
        """The heading after the address: the four frequencies as bars and the largest post, or a context's place."""
        contexts = any(entry.stands_for for entry in picture.entries)
        return "in rank" if contexts else f"{'freq':<4} {'post':>6}"

    def _numbers(self, row: NeuronRow | None) -> str:
        if row is None:
            return ""
        glyphs = self.palette.glyphs.bars
        bars = "".join(bar(share or 0.0, glyphs) for share in row.frequency)
        extreme = max((value for value in row.extreme_post if value is not None), key=abs, default=None)
        return f"{bars} {signed(extreme):>6}"

    def on_click(self, event: events.Click) -> None:
        if self.picture is not None and HEADS <= event.y < HEADS + len(self.picture.entries):
            self.post_message(self.Clicked(self.picture.first + event.y - HEADS))

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Wheel(3))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Wheel(-3))
