"""The base of all screens: keys from the registry, prompts, parts placed by arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual import events
from textual.layout import Layout
from textual.screen import Screen

from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant

from ...kept.marks import Key
from ...views.numbers import full_count
from ..drawing.layout import Rectangle
from ..drawing.palette import Palette
from ..error_text import told
from ..session.marking import MOST, Marking
from ..session.session import Session
from ..session.typing_line import MOVES, Typing, opened
from ..terminal.crash import CrashingApp
from ..terminal.opaque import forget_painted
from ..widgets.arrangement import Arrangement

MARK = "keep.mark"
"""The purpose of a prompt that asks for a note."""


class BaseScreen(Screen[None], inherit_bindings=False):
    """A screen whose parts are placed by `rectangles` and whose keys call the methods in `handlers`.

    No widget ever has the focus: all keys come through the app one at a time, so that fast typing (`g345` and Enter
    at once) arrives in order.
    """

    DEFAULT_CSS = "BaseScreen { background: ansi_default; overflow: hidden; }"
    app: CrashingApp
    scope: ClassVar[str] = ""
    """The scope in the registry, which gives the keys. A subclass sets it: `class X(BaseScreen, scope="x")`."""
    ALLOW_SELECT = False
    AUTO_FOCUS = ""

    def __init_subclass__(cls, *, scope: str = "", **more: Any) -> None:
        if scope:
            cls.scope = scope
        super().__init_subclass__(**more)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._arrangement = Arrangement(self.rectangles)
        self._early: list[str] = []
        self.typing: Typing | None = None
        self._marking: Marking | None = None

    @property
    def palette(self) -> Palette:
        """The current palette."""
        return self.session.palette

    @property
    def layout(self) -> Layout:
        return self._arrangement

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        """The rectangle of each part, by the widget's id."""
        raise NotImplementedError

    def rearrange(self) -> None:
        """Have Textual ask for the rectangles again; otherwise it keeps the arrangement."""
        for part in self.children[:1]:
            part.refresh(layout=True)

    @property
    def stands(self) -> bool:
        """Whether the screen has its parts: it is mounted, not closed, and the app is not ending."""
        ending = self.app.leaving or not self.app.is_running
        return self.is_mounted and not ending and self in self.app.screen_stack

    def redraw(self) -> None:
        """Show the state in every part. Does nothing if a message or key comes while the parts don't exist."""
        if self.stands:
            self.draw()

    def draw(self) -> None:
        """Show the state in every part; all parts exist."""
        raise NotImplementedError

    def handlers(self) -> Mapping[str, Callable[..., Any]]:
        """The handler of each action of the screen, by the action's id."""
        raise NotImplementedError

    def of_every_screen(self) -> Mapping[str, Callable[[], Any]]:
        """The handlers shared by all screens: those of the app, and those that open another screen."""
        screens = self.session.screens
        opening = [action.id for action in self.session.keys.actions_in(self.scope) if action.opens]
        return {
            **{id: partial(screens.open_screen, id) for id in opening},
            "keep.export": screens.open_export,
            "app.theme": screens.open_themes,
            "app.palette": screens.open_palette,
            "app.reopen": lambda: self.say(screens.reopen()),
            "app.interrupt": lambda: self._tell(screens.interrupt()),
            "app.suspend": lambda: self._tell(screens.to_shell()),
        }

    def _tell(self, notice: str) -> None:
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

    def take_key(self, event: events.Key) -> None:
        """Give the key to the open prompt, or perform its action, or say where it works."""
        if self.type_key(event):
            return
        action = self.session.keys.action(event.key, self.scope)
        if action is not None:
            self.action_perform(action.id)
        elif self.stands:
            self.before_action()
            self.say(self.session.keys.elsewhere(event.key, self.scope))
            self.redraw()

    def action_perform(self, id: str) -> None:
        """Perform the registry's action with this id, and draw.

        Keys that were on their way when another screen opened or this one closed are dropped. Keys that come before
        this screen is mounted are performed once it is.
        """
        if self.app.leaving or not self.is_current:
            return
        if not self.is_mounted:
            self._early.append(id)
            return
        self.app.trail.append(id)
        self.session.see_notes()
        self.before_action()
        self.handlers()[id]()
        if self.is_current and not self.app.leaving:
            self.after_action()

    def before_action(self) -> None:
        """Remove what lasts only until the next key."""

    def after_action(self) -> None:
        """Show what the key has changed."""
        self.redraw()

    def follow(self) -> None:
        """Called when home, under this screen, shows something else."""

    def close(self) -> None:
        """Return to the screen below."""
        if self.is_current:
            self.app.pop_screen()

    # prompts

    def type_key(self, event: events.Key) -> bool:
        """Give the key to the open prompt; False if there is none."""
        if self.typing is None:
            return False
        if event.key == "enter" and self.typing.purpose == MARK:
            self._accept_mark(self.typing)
        elif event.key == "enter":
            self.accept(self.typing)
        elif event.key == "tab":
            self.press_tab(self.typing)
        elif event.key in ("escape", "ctrl+c"):
            self.give_up()
        elif event.key in MOVES:
            self.move_in_prompt(MOVES[event.key])
        else:
            self.retype(self.typing.press(event.key, event.character))
        return True

    def say(self, notice: str, *, bad: bool = False) -> None:
        """Show a notice at the foot until the next key."""
        self.session.say(notice, bad=bad)

    def on_paste(self, event: events.Paste) -> None:
        if self.typing is not None and self.is_current:
            self.retype(self.typing.insert(event.text))

    def retype(self, typing: Typing | None) -> None:
        """Replace the prompt; None closes it. Its error may name keys by their actions, as notices do."""
        self.typing = typing and replace(typing, error=self.session.keys.filled(typing.error))
        self.redraw()

    def accept(self, typing: Typing) -> None:
        """Handle Enter in the prompt."""

    def press_tab(self, typing: Typing) -> None:
        """Handle Tab in the prompt: what else it can be about."""
        if typing.purpose == MARK and self._marking is not None:
            typed = typing.text if typing.text != self._marking.text else None
            self._marking.turn()
            self._open_mark(typed)

    def give_up(self) -> None:
        """Handle Escape in the prompt."""
        self.retype(None)

    def move_in_prompt(self, by: int) -> None:
        """Handle Up or Down in the prompt."""

    # marks

    def mark(self, keys: Sequence[Key], focused: Quadrant | None = None) -> None:
        """Ask for the note of neurons. `focused`: the quadrant that is looked at, under aligned signs."""
        if len(keys) > MOST:
            self.say(f"{full_count(len(keys))} are too many to mark: at most {full_count(MOST)}")
            return
        try:
            self._marking = Marking(self.session.marks, keys, focused)
        except GluscopeError as error:
            self.say(told(error), bad=True)
        else:
            self._open_mark()

    def _open_mark(self, typed: str | None = None) -> None:
        if self._marking is not None:
            text = self._marking.text if typed is None else typed
            self.retype(opened(MARK, self._marking.label, text, hint=self._marking.hint))

    def _accept_mark(self, typing: Typing) -> None:
        if self._marking is None:
            return
        try:
            notice = self._marking.accept(typing.text)
        except GluscopeError as error:
            self.retype(replace(typing, error=told(error)))
            return
        self.session.read_notes()
        self.retype(None)
        self.marked()
        self.say(notice)
        self.redraw()

    def marked(self) -> None:
        """Called when marks have changed."""
