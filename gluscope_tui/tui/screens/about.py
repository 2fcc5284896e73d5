"""What opens above home and tells more about the neuron shown there: its density, its card. Keys still walk on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from ...colour.style import StyledLine
from ..drawing.layout import LEAST_HEIGHT, LEAST_WIDTH, Rectangle, top_to_show
from ..widgets.header import HeaderLine
from ..widgets.hints import Hints
from ..widgets.small import NEEDED, Small
from ..widgets.styled_lines import StyledLines, StyledPicture
from . import pictures
from .base import BaseScreen

if TYPE_CHECKING:
    from ..app import ExplorerApp
    from .home import HomeScreen

WALKS = (
    "list.next", "list.previous", "list.page-down", "list.page-up", "layer.previous", "layer.next",
    "expert.next", "expert.previous", "go.back", "go.forward", "go.random", "show.signs",
)  # fmt: skip
"""What moves home's neuron while the screen above stays open."""


class AboutScreen(BaseScreen):
    """Lines about home's neuron, under home's header. A subclass names its scope in `scope` and in its bindings."""

    app: ExplorerApp
    scope = "density"
    """Of the registry: which keys there are."""

    def __init__(self, home: HomeScreen) -> None:
        super().__init__()
        self.home = home
        self.top = 0
        self._count = 0

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        """What stands between header and foot, for so many cells and rows; it may be more rows than that."""
        raise NotImplementedError

    def in_sight(self) -> int:
        """The line that must be seen."""
        return self.top

    # parts

    def compose(self) -> ComposeResult:
        palette = self.app.palette
        yield HeaderLine(palette, id="header")
        yield StyledLines(palette, id="lines")
        yield Hints(palette, id="hints")
        yield Small(palette, id="small")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return {"small": Rectangle(0, 0, width, height)}
        return {
            "header": Rectangle(0, 0, width, 1),
            "lines": Rectangle(0, 1, width, height - 2),
            "hints": Rectangle(0, height - 1, width, 1),
        }

    def draw(self) -> None:
        """Show the neuron that home shows."""
        palette, (width, height) = self.app.palette, self.app.size
        self.query_one(Small).show(NEEDED, palette)
        if "lines" not in self.rectangles(width, height):
            return
        rows = height - 2
        shown = tuple(self.lines(width, rows))
        self._count = len(shown)
        line = self.in_sight()
        self.top = top_to_show(self.top, line, line, rows, self._count)
        self.query_one(HeaderLine).show(pictures.header(self.home.explorer), palette)
        self.query_one(StyledLines).show(StyledPicture(shown, self.top), palette)
        foot = pictures.foot(self.home.explorer, self.home.notice, self.home.notice_is_bad, self.scope)
        self.query_one(Hints).show(foot, palette)

    def follow(self) -> None:
        self.redraw()

    # keys

    def before_action(self) -> None:
        self.home.before_action()

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        app, home = self.app, self.home
        page = max(1, app.size.height - 3)
        return {
            **{id: partial(self._walk, id) for id in WALKS},
            "about.down": lambda: self.move(1),
            "about.up": lambda: self.move(-1),
            "about.page-down": lambda: self.scroll(page),
            "about.page-up": lambda: self.scroll(-page),
            "about.density": app.open_density,
            "about.card": app.open_card,
            "app.theme": app.toggle_theme,
            "app.help": app.open_help,
            "app.undo": self.leave,
            "app.quit": self.leave,
            "app.reopen": lambda: home.say(app.reopen()),
            "app.interrupt": lambda: home.say(app.interrupt()),
            "app.suspend": app.action_suspend_process,
        }

    def _walk(self, id: str) -> None:
        """Do at home what the key means there; what home then shows comes here too."""
        self.home.handlers()[id]()
        self.home.after_action()

    def scroll(self, by: int) -> None:
        self.top = min(max(0, self.top + by), max(0, self._count - (self.app.size.height - 2)))

    def move(self, by: int) -> None:
        """Down or up."""
        self.scroll(by)

    def on_styled_lines_wheel(self, message: StyledLines.Wheel) -> None:
        self.scroll(message.by)
        self.redraw()

    def leave(self) -> None:
        self.close()
        self.home.redraw()
