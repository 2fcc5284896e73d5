"""What opens above everything: the help, and the palette of all actions."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from ..actions import Action, hints, key_lines
from ..layout import Rectangle, top_to_show
from ..typing_line import Typing
from ..widgets.hints import Foot, Hints
from ..widgets.prompt import Prompt
from ..widgets.text_lines import TextLines, TextPicture
from .base import BaseScreen, bindings

if TYPE_CHECKING:
    from ..app import ExplorerApp


def wrapped(lines: Sequence[tuple[str, str]], width: int) -> tuple[tuple[str, str], ...]:
    """The lines broken at blanks so that none is wider than the screen; later parts are indented."""
    out: list[tuple[str, str]] = []
    for kind, line in lines:
        indent = " " * (16 if kind == "key" else 2)
        broken = textwrap.wrap(line, max(24, width - 3), subsequent_indent=indent, drop_whitespace=True) or [""]
        out += [(kind, part) for part in broken]
    return tuple(out)


class HelpScreen(BaseScreen):
    """Lines that scroll."""

    app: ExplorerApp
    BINDINGS = bindings("overlay")

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._lines = self._wrapped = tuple(lines)
        self._top = 0
        self._notice = ""

    def compose(self) -> ComposeResult:
        yield TextLines(self.app.palette, id="lines")
        yield Hints(self.app.palette, id="hints")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if height < 2:
            return {"lines": Rectangle(0, 0, width, height)}
        return {"lines": Rectangle(0, 0, width, height - 1), "hints": Rectangle(0, height - 1, width, 1)}

    def redraw(self) -> None:
        if not self.is_mounted:
            return
        rows = max(1, self.app.size.height - 1)
        self._wrapped = wrapped(self._lines, self.app.size.width)
        self._top = top_to_show(self._top, self._top, self._top, rows, len(self._wrapped))
        self.query_one(TextLines).show(TextPicture(self._wrapped, self._top), self.app.palette)
        self.query_one(Hints).show(Foot(hints("overlay"), self._notice), self.app.palette)

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
            "app.undo": self.close,
            "app.quit": self.close,
            "app.theme": self.app.toggle_theme,
            "app.interrupt": self._interrupt,
            "app.suspend": self.app.action_suspend_process,
        }

    def _interrupt(self) -> None:
        self._notice = self.app.interrupt()


class PaletteScreen(BaseScreen):
    """All actions of a screen: type some of the words, Enter does the chosen one."""

    app: ExplorerApp

    def __init__(self, actions: Sequence[Action], perform: Callable[[str], None]) -> None:
        super().__init__()
        self._actions = tuple(actions)
        self._perform = perform
        self._found = self._actions
        self._chosen = self._top = 0
        self.typing = Typing("palette", "action")

    def compose(self) -> ComposeResult:
        yield Prompt(self.app.palette, id="prompt")
        yield TextLines(self.app.palette, id="lines")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        places = {"prompt": Rectangle(0, 0, width, 1)}
        if height > 1:
            places["lines"] = Rectangle(0, 1, width, height - 1)
        return places

    def redraw(self) -> None:
        if not self.is_mounted or self.typing is None:
            return
        self.query_one(Prompt).show(self.typing, self.app.palette)
        rows = max(1, self.app.size.height - 1)
        self._chosen = min(max(self._chosen, 0), max(0, len(self._found) - 1))
        self._top = top_to_show(self._top, self._chosen, self._chosen, rows, max(1, len(self._found)))
        lines = tuple(("key", f"{key_lines(action):<14}  {action.title}  ({action.id})") for action in self._found)
        picture = TextPicture(lines or (("text", "no action has these words"),), self._top, self._chosen)
        self.query_one(TextLines).show(picture, self.app.palette)

    def retype(self, typing: Typing | None) -> None:
        words = typing.text.lower().split() if typing is not None else []
        self._found = tuple(
            action for action in self._actions if all(word in f"{action.id} {action.title}".lower() for word in words)
        )
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
            self.close()
            self._perform(self._found[self._chosen].id)

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {}
