"""The help: how to read the screen, the keys of each screen, and where things are kept; `/` finds text in it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from ...views.numbers import counted
from ..drawing.layout import Rectangle, top_to_show
from ..help import help_lines, section
from ..own_keys import keys_path
from ..session.session import Session
from ..session.typing_line import Typing, opened
from ..widgets.hints import Foot, Hints
from ..widgets.prompt import Prompt
from ..widgets.text_lines import TextLines, TextPicture
from .base import BaseScreen


def wrapped(lines: Sequence[tuple[str, str]], width: int) -> tuple[tuple[str, str], ...]:
    """The lines, broken at blanks to fit the screen; continuations are indented."""
    out: list[tuple[str, str]] = []
    for kind, line in lines:
        indent = " " * (18 if kind == "key" else 2)
        broken = textwrap.wrap(line, max(24, width - 3), subsequent_indent=indent, drop_whitespace=True) or [""]
        out += [(kind, part) for part in broken]
    return tuple(out)


class HelpScreen(BaseScreen, scope="overlay"):
    """Opens at the keys of the screen below it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._lines = self._wrapped = tuple(
            help_lines(session.keys, session.marks.path, session.state.path, keys_path())
        )
        self._top = 0
        self._notice = ""
        self._find = ""
        self._found: int | None = None  # the line that holds what is searched for

    def on_mount(self) -> None:
        below = self.app.screen_stack[-2]
        if isinstance(below, BaseScreen) and below.scope != "home":  # home's keys follow how to read its screen
            title = ("title", section(below.scope))
            lines = wrapped(self._lines, self.app.size.width)
            self._top = lines.index(title) if title in lines else 0
        super().on_mount()

    def compose(self) -> ComposeResult:
        yield TextLines(self.palette, id="lines")
        yield Hints(self.palette, id="hints")
        yield Prompt(self.palette, id="prompt")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if height < 2:
            return {"lines": Rectangle(0, 0, width, height)}
        foot = "hints" if self.typing is None else "prompt"
        return {"lines": Rectangle(0, 0, width, height - 1), foot: Rectangle(0, height - 1, width, 1)}

    @property
    def _rows(self) -> int:
        return max(1, self.app.size.height - 1)

    def draw(self) -> None:
        before = self._wrapped
        self._wrapped = wrapped(self._lines, self.app.size.width)
        if self._find and self._wrapped != before:  # another width: the lines have other numbers
            self._found = next(iter(self._places()), None)
        at = self._top if self._found is None else self._found
        self._top = top_to_show(self._top, at, at, self._rows, len(self._wrapped))
        self.query_one(TextLines).show(TextPicture(self._wrapped, self._top, self._found), self.palette)
        self.query_one(Hints).show(Foot(self.session.keys.hints(self.scope), self._notice), self.palette)
        if self.typing is not None:
            self.query_one(Prompt).show(self.typing, self.palette)

    # keys

    def before_action(self) -> None:
        self._notice = ""

    def say(self, notice: str, *, bad: bool = False) -> None:  # noqa: ARG002  # its foot has one look
        self._notice = self.session.keys.filled(notice)

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        page = max(1, self._rows - 1)
        return {
            "line.down": lambda: self.scroll(1),
            "line.up": lambda: self.scroll(-1),
            "line.page-down": lambda: self.scroll(page),
            "line.page-up": lambda: self.scroll(-page),
            "line.first": lambda: self.scroll(-(10**9)),
            "line.last": lambda: self.scroll(10**9),
            "find.open": self._open_find,
            "find.next": lambda: self._go(1),
            "find.previous": lambda: self._go(-1),
            **self.of_every_screen(),
            "app.help": self.close,
            "app.undo": self._undo,
            "app.quit": self.close,
        }

    def scroll(self, by: int) -> None:
        """Scroll by a number of lines; what was found is no longer kept in sight."""
        before, self._found = self._top, None
        self._top = min(max(0, self._top + by), max(0, len(self._wrapped) - self._rows))
        if self._top == before:
            self.say("the help ends here" if by > 0 else "the help begins here")

    def on_text_lines_wheel(self, message: TextLines.Wheel) -> None:
        self.scroll(message.by)
        self.redraw()

    def _undo(self) -> None:
        if self._find:
            self._find, self._found = "", None
        else:
            self.close()

    # finding

    def _open_find(self) -> None:
        self.retype(opened("find.open", "find", self._find, hint="in the help"))

    def retype(self, typing: Typing | None) -> None:
        """Look for what is typed, from the top of the screen on."""
        opened = (self.typing is None) != (typing is None)
        if typing is not None and self.typing is not None:
            self._find, self._found = typing.text, None
            self._found = next((place for place in self._places() if place >= self._top), None)
            if self._found is None:
                self._found = next(iter(self._places()), None)
        super().retype(typing)
        if opened:
            self.rearrange()

    def accept(self, typing: Typing) -> None:
        self._find = typing.text
        self.retype(None)
        if self._find:
            self._go(0)
        self.redraw()

    def give_up(self) -> None:
        self._find, self._found = "", None
        super().give_up()

    def _places(self) -> list[int]:
        """The lines that hold what is searched for."""
        wanted = self._find.lower()
        return [place for place, (_, line) in enumerate(self._wrapped) if wanted and wanted in line.lower()]

    def _go(self, by: int) -> None:
        """Go to the next or previous line that holds it, round the ends; with 0, stay and say where that is."""
        places = self._places()
        if not self._find:
            self.say("nothing to find yet: {find.open} asks for it")
        elif not places:
            self.say(f"{self._find}: not in the help")
        else:
            here = self._top - 1 if self._found is None else self._found
            if by > 0:
                self._found = next((place for place in places if place > here), places[0])
            elif by < 0:
                self._found = next((place for place in reversed(places) if place < here), places[-1])
            at = places.index(self._found) + 1 if self._found in places else 1
            self.say(f"{at} of {counted(len(places), 'line')} with {self._find}")
