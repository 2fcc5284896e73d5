"""The palette: all actions of the screen below it, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..actions import Action
from ..keymap import Keymap, key_lines
from ..session.session import Session
from ..tables.menus import Choice
from .choice import ChoiceScreen, Menu


class PaletteScreen(ChoiceScreen):
    """Typed words filter the actions, and Enter performs the chosen one."""

    def __init__(self, session: Session, actions: Sequence[Action], perform: Callable[[str], None]) -> None:
        choices = [_choice(action, session.keys) for action in actions]
        super().__init__(session, Menu("action", lambda: choices, perform, none="no action has these words"))


def _choice(action: Action, keys: Keymap) -> Choice:
    return Choice(action.id, f"{key_lines(action):<14}  {keys.filled(action.title)}  ({action.id})")
