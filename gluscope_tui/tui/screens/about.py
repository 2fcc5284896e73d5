"""Screens above home with more about its neuron: density and card. The keys that step through neurons still work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult

from ...colour.style import StyledLine
from ..drawing.layout import LEAST_HEIGHT, LEAST_WIDTH, Rectangle, home_layout, top_to_show
from ..session.session import Session
from ..session.typing_line import Typing
from ..widgets.header import HeaderLine
from ..widgets.hints import Hints
from ..widgets.own_text import OwnText
from ..widgets.prompt import Prompt
from ..widgets.small import NEEDED, Small
from ..widgets.styled_lines import StyledLines, StyledPicture
from . import pictures
from .base import BaseScreen
from .own_strip import draw_strip, own_rows_of
from .walking import list_page, walking


class AboutScreen(BaseScreen):
    """Lines about home's neuron, under home's header. A subclass defines the lines and its scope."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.top = 0
        self._count = 0
        self._placed: Mapping[str, Rectangle] = {}

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        """The lines between header and foot for a size in cells and rows; there may be more lines than rows."""
        raise NotImplementedError

    def in_sight(self) -> int:
        """The line that must stay visible."""
        return self.top

    # parts

    def compose(self) -> ComposeResult:
        palette = self.palette
        yield HeaderLine(palette, id="header")
        yield OwnText(palette, id="own")
        yield StyledLines(palette, id="lines")
        yield Hints(palette, id="hints")
        yield Prompt(palette, id="prompt")
        yield Small(palette, id="small")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return {"small": Rectangle(0, 0, width, height)}
        own = own_rows_of(self.session, width, height)
        return {
            "header": Rectangle(0, 0, width, 1),
            **({"own": Rectangle(0, 1, width, own)} if own else {}),
            "lines": Rectangle(0, 1 + own, width, height - 2 - own),
            "hints" if self.typing is None else "prompt": Rectangle(0, height - 1, width, 1),
        }

    def draw(self) -> None:
        """Show the neuron that home shows."""
        palette, (width, height) = self.palette, self.app.size
        self.query_one(Small).show(NEEDED, palette)
        places = self.rectangles(width, height)
        if "lines" not in places:
            return
        if places != self._placed:  # a text of one's own came or went
            self._placed = places
            self.rearrange()
        draw_strip(self.query_one(OwnText), self.session, places.get("own"))
        rows = places["lines"].height
        shown = tuple(self.lines(width, rows))
        self._count = len(shown)
        line = self.in_sight()
        self.top = top_to_show(self.top, line, line, rows, self._count)
        self.query_one(HeaderLine).show(pictures.header(self.session), palette)
        self.query_one(StyledLines).show(StyledPicture(shown, self.top), palette)
        foot = pictures.foot(self.session, self.scope)
        self.query_one(Hints).show(foot, palette)
        if self.typing is not None:
            self.query_one(Prompt).show(self.typing, palette)

    def follow(self) -> None:
        self.redraw()

    # keys

    def before_action(self) -> None:
        self.session.notice = ""

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        session, page = self.session, max(1, self._rows - 1)
        return {
            **{id: partial(self._walk, step) for id, step in walking(session, self._list_page).items()},
            "about.down": lambda: self.move(1),
            "about.up": lambda: self.move(-1),
            "about.page-down": lambda: self.scroll(page),
            "about.page-up": lambda: self.scroll(-page),
            "keep.mark": self._mark,
            **self.of_every_screen(),
            "app.undo": self.leave,
            "app.quit": self.leave,
        }

    def _mark(self) -> None:
        explorer = self.session.explorer
        self.mark([(explorer.neuron, None)], explorer.aligned_focus)

    def retype(self, typing: Typing | None) -> None:
        opened = (self.typing is None) != (typing is None)
        super().retype(typing)
        if opened:
            self.rearrange()

    def _list_page(self) -> int:
        """The rows of a screenful of home's list."""
        view, (width, height) = self.session.explorer.view, self.app.size
        return list_page(home_layout(width, height, view.focused, zoomed=view.zoomed, in_list=view.in_list))

    def _walk(self, step: Callable[[], Any]) -> None:
        """Do what the key means at home; this screen then follows home."""
        step()
        self.session.front.wish_changed()

    def scroll(self, by: int) -> None:
        before = self.top
        self.top = min(max(0, self.top + by), max(0, self._count - self._rows))
        if self.top == before:
            self.session.tell("there is nothing below" if by > 0 else "there is nothing above")

    @property
    def _rows(self) -> int:
        """The rows of lines that fit."""
        place = self.rectangles(*self.app.size).get("lines")
        return 1 if place is None else place.height

    def move(self, by: int) -> None:
        """Move down or up."""
        self.scroll(by)

    def on_styled_lines_wheel(self, message: StyledLines.Wheel) -> None:
        self.scroll(message.by)
        self.redraw()

    def leave(self) -> None:
        self.close()
        self.session.front.redraw()
