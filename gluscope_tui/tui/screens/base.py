"""What all screens have in common: keys from the registry, prompts, parts placed by arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.layout import Layout
from textual.screen import Screen

from ..actions import actions_in, elsewhere
from ..drawing.layout import Rectangle
from ..drawing.palette import Palette
from ..session.session import Session
from ..session.typing_line import MOVES, Typing
from ..terminal.crash import CrashingApp
from ..terminal.opaque import forget_painted
from ..widgets.arrangement import Arrangement


def bindings(scope: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual's bindings for the actions of a scope: each leads to `action_perform` with the action's id."""
    return [
        Binding(key, f"perform('{action.id}')", action.title, show=False)
        for action in actions_in(scope)
        for key in action.keys
    ]


class BaseScreen(Screen[None], inherit_bindings=False):
    """A screen whose parts lie where `rectangles` says and whose keys call the methods that `handlers` names.

    No widget ever has the focus: all keys come through the app one after the other, so that what is typed fast
    (`g345` and Enter in one go) arrives in order.
    """

    DEFAULT_CSS = "BaseScreen { background: ansi_default; overflow: hidden; }"
    app: CrashingApp
    scope: ClassVar[str] = ""
    """Of the registry: which keys there are. A subclass says it where it is made: `class X(BaseScreen, scope="x")`."""
    ALLOW_SELECT = False
    AUTO_FOCUS = ""

    def __init_subclass__(cls, *, scope: str = "", **more: Any) -> None:
        if scope:
            cls.scope = scope
            cls.BINDINGS = bindings(scope)
        super().__init_subclass__(**more)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._arrangement = Arrangement(self.rectangles)
        self._early: list[str] = []
        self.typing: Typing | None = None

    @property
    def palette(self) -> Palette:
        """The looks of the moment."""
        return self.session.palette

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

    @property
    def stands(self) -> bool:
        """Whether the screen has its parts: it was mounted, was not closed since, and the app is not ending."""
        return self.is_mounted and not self.app.leaving and self in self.app.screen_stack

    def redraw(self) -> None:
        """Show the state in every part. A message or a key may come before the parts are there or after they went:
        then nothing is drawn."""
        if self.stands:
            self.draw()

    def draw(self) -> None:
        """Show the state in every part. They are there."""
        raise NotImplementedError

    def handlers(self) -> Mapping[str, Callable[..., Any]]:
        """What each action of the screen does, by the action's id."""
        raise NotImplementedError

    def of_every_screen(self) -> Mapping[str, Callable[[], Any]]:
        """The handlers that mean the same on every screen: those of the app, and those that open another screen."""
        screens = self.session.screens
        opening = [action.id for action in actions_in(self.scope) if action.opens]
        return {
            **{id: partial(screens.open_screen, id) for id in opening},
            "app.theme": screens.toggle_theme,
            "app.palette": screens.open_palette,
            "app.reopen": lambda: self.say(screens.reopen()),
            "app.interrupt": lambda: self._interrupt(screens.interrupt()),
            "app.suspend": screens.to_shell,
        }

    def _interrupt(self, notice: str) -> None:
        if notice:
            self.say(notice)

    # keys

    def on_mount(self) -> None:
        self.redraw()
        early, self._early = self._early, []
        for id in early:
            self.action_perform(id)

    def on_unmount(self) -> None:
        forget_painted(self)

    def on_resize(self) -> None:
        self.redraw()

    def action_perform(self, id: str) -> None:
        """Do what the registry's action with this id means here, and draw. Keys that were on their way when another
        screen opened or this one closed are not for this one; those that come before it stands wait."""
        if self.app.leaving or not self.is_current:
            return
        if not self.is_mounted:
            self._early.append(id)
            return
        self.app.trail.append(id)
        self.before_action()
        self.handlers()[id]()
        if self.is_current and not self.app.leaving:
            self.after_action()

    def before_action(self) -> None:
        """Take away what was only there until the next key."""

    def after_action(self) -> None:
        """Show what the key has changed."""
        self.redraw()

    def follow(self) -> None:
        """Home shows something else by now, while this screen is above it."""

    def close(self) -> None:
        """Back to the screen below."""
        if self.is_current:
            self.app.pop_screen()

    # prompts

    def type_key(self, event: events.Key) -> bool:
        """A key for the open prompt; False where there is none."""
        if self.typing is None:
            return False
        if event.key == "enter":
            self.accept(self.typing)
        elif event.key in ("escape", "ctrl+c"):
            self.give_up()
        elif event.key in MOVES:
            self.move_in_prompt(MOVES[event.key])
        else:
            self.retype(self.typing.press(event.key, event.character))
        return True

    def refuse_key(self, key: str) -> bool:
        """Say of a key that does nothing here where it works; False where it does something."""
        notice = elsewhere(key, self.scope)
        if notice and self.stands:
            self.before_action()
            self.say(notice)
            self.redraw()
        return bool(notice)

    def say(self, notice: str, *, bad: bool = False) -> None:
        """A notice at the foot, until the next key."""
        self.session.say(notice, bad=bad)

    def on_paste(self, event: events.Paste) -> None:
        if self.typing is not None and self.is_current:
            self.retype(self.typing.insert(event.text))

    def retype(self, typing: Typing | None) -> None:
        """Another text in the prompt; None closes it."""
        self.typing = typing
        self.redraw()

    def accept(self, typing: Typing) -> None:
        """Enter was pressed in the prompt."""

    def give_up(self) -> None:
        """Escape was pressed in the prompt."""
        self.retype(None)

    def move_in_prompt(self, by: int) -> None:
        """Up or down was pressed in the prompt."""
