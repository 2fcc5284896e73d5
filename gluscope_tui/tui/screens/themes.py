"""`D`: the menu of themes. The theme under the cursor is shown at once; Enter keeps it, Escape brings back the old."""

from __future__ import annotations

from ...colour.themes import THEMES
from ..session.session import Session
from ..tables.menus import Choice
from .choice import ChoiceScreen, Menu


class ThemeScreen(ChoiceScreen):
    """All themes by name. `current`: the theme shown so far."""

    def __init__(self, session: Session, current: str) -> None:
        choices = [Choice(name, f"{name:<18} {'light' if theme.light else 'dark'}") for name, theme in THEMES.items()]
        super().__init__(session, Menu("theme", lambda: choices, self._keep, none="no theme has these words"))
        self._before = self._shown = current
        self._chosen = list(THEMES).index(current)

    def draw(self) -> None:
        super().draw()
        if self._found and self._found[self._chosen].id != self._shown:
            self._show(self._found[self._chosen].id)

    def give_up(self) -> None:
        super().give_up()
        self._show(self._before)

    def _show(self, name: str) -> None:
        self._shown = name
        self.session.screens.show_theme(name, keep=False)

    def _keep(self, name: str) -> None:
        self.session.tell(self.session.screens.show_theme(name, keep=True))
