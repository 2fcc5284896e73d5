"""Screens above everything: the help, and the palette of all actions."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from ..actions import Action, hints, key_lines
from ..drawing.layout import Rectangle, top_to_show
from ..help import help_lines
from ..session.session import Session
from ..tables.menus import Choice
from ..widgets.hints import Foot, Hints
from ..widgets.text_lines import TextLines, TextPicture
from .base import BaseScreen
from .choice import ChoiceScreen, Menu


def wrapped(lines: Sequence[tuple[str, str]], width: int) -> tuple[tuple[str, str], ...]:
    """The lines, broken at blanks to fit the screen; continuations are indented."""
    out: list[tuple[str, str]] = []
    for kind, line in lines:
        indent = " " * (16 if kind == "key" else 2)
        broken = textwrap.wrap(line, max(24, width - 3), subsequent_indent=indent, drop_whitespace=True) or [""]
        out += [(kind, part) for part in broken]
    return tuple(out)


class HelpScreen(BaseScreen, scope="overlay"):
    """The help: how to read the screen, the keys, and where things are kept."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._lines = self._wrapped = tuple(help_lines(session.marks.path, session.state.path))
        self._top = 0
        self._notice = ""

    def compose(self) -> ComposeResult:
        yield TextLines(self.palette, id="lines")
        yield Hints(self.palette, id="hints")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if height < 2:
            return {"lines": Rectangle(0, 0, width, height)}
        return {"lines": Rectangle(0, 0, width, height - 1), "hints": Rectangle(0, height - 1, width, 1)}

    def draw(self) -> None:
        rows = max(1, self.app.size.height - 1)
        self._wrapped = wrapped(self._lines, self.app.size.width)
        self._top = top_to_show(self._top, self._top, self._top, rows, len(self._wrapped))
        self.query_one(TextLines).show(TextPicture(self._wrapped, self._top), self.palette)
        self.query_one(Hints).show(Foot(hints("overlay"), self._notice), self.palette)

    def before_action(self) -> None:
        self._notice = ""

    def scroll(self, by: int) -> None:
        rows = max(1, self.app.size.height - 1)
        self._top = min(max(0, self._top + by), max(0, len(self._wrapped) - rows))

    def on_text_lines_wheel(self, message: TextLines.Wheel) -> None:
        self.scroll(message.by)
        self.redraw()

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        page = max(1, self.app.size.height - 2)
        return {
            "line.down": lambda: self.scroll(1),
            "line.up": lambda: self.scroll(-1),
            "line.page-down": lambda: self.scroll(page),
            "line.page-up": lambda: self.scroll(-page),
            "line.first": lambda: self.scroll(-(10**9)),
            "line.last": lambda: self.scroll(10**9),
            **self.of_every_screen(),
            "app.undo": self.close,
            "app.quit": self.close,
        }

    def say(self, notice: str, *, bad: bool = False) -> None:  # noqa: ARG002  # its foot has one look
        self._notice = notice


class PaletteScreen(ChoiceScreen):
    """All actions of a screen: typed words filter them, and Enter performs the chosen one."""

    def __init__(self, session: Session, actions: Sequence[Action], perform: Callable[[str], None]) -> None:
        choices = [Choice(action.id, f"{key_lines(action):<14}  {action.title}  ({action.id})") for action in actions]
        super().__init__(session, Menu("action", lambda: choices, perform, none="no action has these words"))
