"""What all screens have in common: keys from the registry, parts placed by arithmetic, no mouse selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual.binding import Binding
from textual.layout import Layout
from textual.screen import Screen

from ..actions import actions_in
from ..layout import Rectangle
from ..widgets.arrangement import Arrangement


def bindings(scope: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual's bindings for the actions of a scope: each leads to `action_perform` with the action's id."""
    return [
        Binding(key, f"perform('{action.id}')", action.title, show=False)
        for action in actions_in(scope)
        for key in action.keys
    ]


class BaseScreen(Screen[None], inherit_bindings=False):
    """A screen whose parts lie where `rectangles` says and whose keys call the methods that `handlers` names."""

    DEFAULT_CSS = "BaseScreen { background: ansi_default; overflow: hidden; }"
    ALLOW_SELECT = False
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._arrangement = Arrangement(self.rectangles)

    @property
    def layout(self) -> Layout:
        return self._arrangement

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        """Where each part lies, by the widget's id."""
        raise NotImplementedError

    def rearrange(self) -> None:
        """Ask for the rectangles again: the screen keeps an arrangement until a part of it asks for another."""
        for part in self.children[:1]:
            part.refresh(layout=True)

    def redraw(self) -> None:
        """Show the state in every part."""
        raise NotImplementedError

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        """What each action of the screen does, by the action's id."""
        raise NotImplementedError

    def action_perform(self, id: str) -> None:
        """Do what the registry's action with this id means here."""
        if self.listening:
            self.handlers()[id]()

    @property
    def listening(self) -> bool:
        """Whether keys are for this screen: not before it stands, and not when another one has opened or it closed
        while they were on their way."""
        return self.is_mounted and self.is_current

    def close(self) -> None:
        """Back to the screen below."""
        if self.listening:
            self.app.pop_screen()
