"""The handlers of the home screen: from an action's id in the registry to a change of the session's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant

from ...kept.marks import Key
from ..drawing.layout import Layout
from ..error_text import told
from ..session.goto import parse_goto
from ..session.session import Session
from .copying import copied_here
from .own_strip import commands
from .pictures import undoable
from .walking import coloring, list_page, walking


class Desk(Protocol):
    """The part of the home screen that the handlers need."""

    def open_prompt(self, purpose: str, label: str, text: str = "", *, hint: str = "") -> None:
        """Ask for a line of text; Enter calls the handler `<purpose>.accept` with it."""

    def mark(self, keys: Sequence[Key], focused: Quadrant | None = None) -> None:
        """Ask for the note of neurons."""

    def layout_now(self) -> Layout:
        """The layout for the current size and state."""
        raise NotImplementedError

    def page_pane(self) -> str:
        """Show the focused pane in the user's pager. Returns why that failed, or ""."""
        raise NotImplementedError


def home_handlers(session: Session, desk: Desk) -> Mapping[str, Callable[..., Any]]:
    """The handlers of the home screen, and those of its prompts under `<action>.accept`."""
    keys = HomeKeys(session, desk)
    explorer, screens, tell = session.explorer, session.screens, session.tell
    return {
        **walking(session, keys.list_page),
        **coloring(explorer),
        "go.to": keys.open_go_to,
        "go.to.accept": keys.go_to,
        **{f"pane.{q.letters}": partial(keys.choose_pane, q) for q in QUADRANTS},
        "pane.next": lambda: tell(explorer.next_pane(1)),
        "pane.previous": lambda: tell(explorer.next_pane(-1)),
        "list.focus": lambda: explorer.change(in_list=not explorer.view.in_list),
        "list.sort": screens.open_sort,
        "cursor.down": lambda: keys.down(1),
        "cursor.up": lambda: keys.down(-1),
        "cursor.right": lambda: tell(explorer.move_token(1)),
        "cursor.left": lambda: tell(explorer.move_token(-1)),
        "cursor.page-down": lambda: keys.down(keys.page()),
        "cursor.page-up": lambda: keys.down(-keys.page()),
        "cursor.first": lambda: keys.down(-(10**9)),
        "cursor.last": lambda: keys.down(10**9),
        "pane.zoom": lambda: explorer.change(zoomed=not explorer.view.zoomed),
        "pane.wrap": lambda: explorer.change(wrap=not explorer.view.wrap),
        "context.open": keys.open_context,
        "show.ranking": lambda: tell(explorer.next_ranking()),
        "find.open": lambda: desk.open_prompt("find.open", "find", explorer.view.find, hint="in these contexts"),
        "find.open.accept": keys.find,
        "find.next": lambda: tell(explorer.find(1)),
        "find.previous": lambda: tell(explorer.find(-1)),
        "keep.mark": keys.mark,
        "keep.cite": lambda: tell(copied_here(session, cited=True)),
        "keep.copy": lambda: tell(copied_here(session, cited=False)),
        "keep.command": lambda: tell(f"command that shows this pane: {screens.copy_text(commands(session))}"),
        "keep.pager": lambda: tell(desk.page_pane()),
        "app.undo": keys.undo_or_say,
        "app.quit": keys.undo_or_leave,
    }


class HomeKeys:
    """The handlers that take more than a line."""

    def __init__(self, session: Session, desk: Desk) -> None:
        self.session, self.desk = session, desk
        self.tell = session.tell

    def page(self) -> int:
        """The number of contexts in a pane, less one that stays visible."""
        layout = self.desk.layout_now()
        pane = layout.panes.get(self.session.explorer.view.focused)
        return max(1, pane.height - 3) if pane is not None else self.list_page()

    def list_page(self) -> int:
        return list_page(self.desk.layout_now())

    def choose_pane(self, quadrant: Quadrant) -> None:
        self.tell(self.session.explorer.choose_pane(quadrant))

    def down(self, by: int) -> None:
        """Move through the contexts, or through the neurons if the list is in use."""
        explorer = self.session.explorer
        self.tell(explorer.step(by) if explorer.view.in_list else explorer.move_context(by))

    def open_go_to(self) -> None:
        experts = "L13  E3  L12E3N345 -+" if self.session.explorer.has_experts else "L13  12.345  L12N345 -+"
        self.desk.open_prompt("go.to", "go to", hint=f"345  +20  -20  {experts}")

    def go_to(self, text: str) -> str:
        explorer = self.session.explorer
        try:
            target = parse_goto(text, explorer.current, explorer.facts.sites)
        except GluscopeError as error:
            return told(error)
        explorer.go(target)
        return ""

    def open_context(self) -> None:
        explorer = self.session.explorer
        if explorer.view.in_list:
            explorer.change(in_list=False)
        elif explorer.stale:
            self.tell("the contexts are still being read")
        elif explorer.example is None:
            self.tell("there is no context here")
        else:
            self.session.screens.open_screen("context.open")

    def find(self, text: str) -> str:
        explorer = self.session.explorer
        explorer.change(find=text)
        if text:
            self.tell(explorer.find_here())
        return ""

    def mark(self) -> None:
        explorer = self.session.explorer
        self.desk.mark([(explorer.neuron, None)], explorer.aligned_focus)

    def undo(self) -> bool:
        """Undo the topmost of list, swap, find, zoom and a list over the layer's. Returns False if there is none."""
        explorer = self.session.explorer
        view = explorer.view
        if not undoable(explorer):
            return False
        if view.in_list:
            explorer.change(in_list=False)
        elif explorer.swapped:
            explorer.swap()
        elif view.find:
            explorer.change(find="")
        elif view.zoomed:
            explorer.change(zoomed=False)
        else:
            explorer.leave_list()
            self.tell(f"{explorer.current.label} again; {{go.back}} goes back")
        return True

    def undo_or_say(self) -> None:
        if not self.undo():
            self.tell("there is nothing to undo: {app.quit} quits")

    def undo_or_leave(self) -> None:
        if not self.undo():
            self.session.screens.leave()
