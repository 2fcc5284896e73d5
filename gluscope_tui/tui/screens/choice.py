"""A menu: typed words filter its lines, and Enter takes the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult

from ..drawing.layout import Rectangle, top_to_show
from ..session.session import Session
from ..session.typing_line import Typing
from ..tables.menus import Choice
from ..widgets.prompt import Prompt
from ..widgets.text_lines import TextLines, TextPicture
from .base import BaseScreen


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu's label, its lines, and the function called with the id of the chosen one.

    `none` is shown if no line has the words, `hint` if nothing is typed. With `stays`, only Escape closes the menu, and
    its lines are asked for again after each choice.
    """

    label: str
    choices: Callable[[], Sequence[Choice]]
    take: Callable[[str], None]
    none: str = "nothing has these words"
    hint: str = ""
    stays: bool = False


class ChoiceScreen(BaseScreen):
    """All choices under a prompt; typing keeps the lines that have all the words."""

    def __init__(self, session: Session, menu: Menu) -> None:
        super().__init__(session)
        self._menu = menu
        self._chosen = self._top = 0
        self.typing = Typing("choice", menu.label, hint=menu.hint)
        self._found: Sequence[Choice] = ()

    def compose(self) -> ComposeResult:
        yield Prompt(self.palette, id="prompt")
        yield TextLines(self.palette, id="lines")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        places = {"prompt": Rectangle(0, 0, width, 1)}
        if height > 1:
            places["lines"] = Rectangle(0, 1, width, height - 1)
        return places

    def draw(self) -> None:
        if self.typing is None:
            return
        words = self.typing.text.lower().split()
        self._found = [
            choice
            for choice in self._menu.choices()
            if all(word in f"{choice.id} {choice.text} {choice.also}".lower() for word in words)
        ]
        self.query_one(Prompt).show(self.typing, self.palette)
        rows = max(1, self.app.size.height - 1)
        self._chosen = min(max(self._chosen, 0), max(0, len(self._found) - 1))
        self._top = top_to_show(self._top, self._chosen, self._chosen, rows, max(1, len(self._found)))
        lines = tuple(("key", choice.text) for choice in self._found)
        picture = TextPicture(lines or (("text", self._menu.none),), self._top, self._chosen)
        self.query_one(TextLines).show(picture, self.palette)

    def retype(self, typing: Typing | None) -> None:
        self._chosen = 0
        super().retype(typing)

    def move_in_prompt(self, by: int) -> None:
        self._chosen += by
        self.redraw()

    def on_text_lines_clicked(self, message: TextLines.Clicked) -> None:
        self._chosen = message.line
        self._do()

    def on_text_lines_wheel(self, message: TextLines.Wheel) -> None:
        self._chosen += message.by
        self.redraw()

    def accept(self, typing: Typing) -> None:  # noqa: ARG002  # what is chosen counts, not what was typed
        self._do()

    def give_up(self) -> None:
        self.close()

    def _do(self) -> None:
        if self.is_current and self._chosen < len(self._found):
            chosen = self._found[self._chosen].id
            if not self._menu.stays:
                self.close()
            self._menu.take(chosen)
            if self._menu.stays:
                self.redraw()

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {}
