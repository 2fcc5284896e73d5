"""What each action does at home: from its id in the registry to a change of the session's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS

from ..error_text import told
from ..kept.marks import Mark
from ..session.goto import parse_goto
from ..session.list_file import read_list
from ..terminal.pager import page_pane

if TYPE_CHECKING:
    from .home import HomeScreen


def home_handlers(home: HomeScreen) -> Mapping[str, Callable[..., Any]]:
    """The handlers of the home screen, and those of its prompts under `<action>.accept`."""
    keys = HomeKeys(home)
    explorer = home.explorer
    return {
        "list.next": lambda: keys.tell(explorer.step(1)),
        "list.previous": lambda: keys.tell(explorer.step(-1)),
        "list.page-down": lambda: keys.tell(explorer.step(keys.list_page())),
        "list.page-up": lambda: keys.tell(explorer.step(-keys.list_page())),
        "layer.previous": lambda: keys.tell(explorer.layer(-1)),
        "layer.next": lambda: keys.tell(explorer.layer(1)),
        "expert.next": lambda: keys.tell(explorer.expert(1)),
        "expert.previous": lambda: keys.tell(explorer.expert(-1)),
        "go.to": keys.open_go_to,
        "go.to.accept": keys.go_to,
        "go.back": lambda: keys.tell(explorer.back()),
        "go.forward": lambda: keys.tell(explorer.forward()),
        "go.random": explorer.random,
        **{f"pane.{q.letters}": partial(explorer.focus, q) for q in QUADRANTS},
        "pane.next": lambda: keys.tell(explorer.next_pane(1)),
        "pane.previous": lambda: keys.tell(explorer.next_pane(-1)),
        "compare.pin": lambda: keys.tell(explorer.pin()),
        "compare.swap": lambda: keys.tell(explorer.swap()),
        "list.focus": lambda: explorer.change(in_list=not explorer.view.in_list),
        "cursor.down": lambda: keys.down(1),
        "cursor.up": lambda: keys.down(-1),
        "cursor.right": lambda: explorer.move_token(1),
        "cursor.left": lambda: explorer.move_token(-1),
        "cursor.page-down": lambda: keys.down(keys.page()),
        "cursor.page-up": lambda: keys.down(-keys.page()),
        "cursor.first": lambda: keys.down(-(10**9)),
        "cursor.last": lambda: keys.down(10**9),
        "pane.zoom": lambda: explorer.change(zoomed=not explorer.view.zoomed),
        "pane.wrap": lambda: explorer.change(wrap=not explorer.view.wrap),
        "context.open": keys.open_context,
        "show.ranking": lambda: keys.tell(explorer.next_ranking()),
        "show.colour": explorer.next_colour,
        "show.signs": lambda: explorer.change(signs="raw" if explorer.view.signs == "aligned" else "aligned"),
        "about.density": home.app.open_density,
        "about.card": home.app.open_card,
        "show.scale": lambda: explorer.change(scale="pane" if explorer.view.scale == "neuron" else "neuron"),
        "show.all-tokens": lambda: explorer.change(all_tokens=not explorer.view.all_tokens),
        "table.neurons": lambda: home.app.open_neurons(home),
        "table.layers": lambda: home.app.open_layers(home),
        "search.open": lambda: home.app.open_search(home),
        "list.sort": lambda: home.app.open_sort(home),
        "find.open": lambda: home.open_prompt("find.open", "find", explorer.view.find, hint="in these contexts"),
        "find.open.accept": keys.find,
        "find.next": lambda: keys.tell(explorer.find(1)),
        "find.previous": lambda: keys.tell(explorer.find(-1)),
        "keep.mark": keys.mark,
        "keep.mark.accept": keys.accept_mark,
        "keep.marks": keys.show_marks,
        "keep.copy": keys.copy,
        "keep.command": lambda: keys.tell(home.app.copy_text(explorer.command())),
        "keep.pager": lambda: keys.tell(page_pane(home.app, explorer)),
        "app.palette": home.app.open_palette,
        "app.theme": home.app.toggle_theme,
        "app.help": home.app.open_help,
        "app.undo": keys.undo,
        "app.quit": keys.undo_or_leave,
        "app.reopen": lambda: keys.tell(home.app.reopen()),
        "app.interrupt": lambda: keys.tell(home.app.interrupt()),
        "app.suspend": home.app.action_suspend_process,
    }


class HomeKeys:
    """The handlers that are more than a line."""

    def __init__(self, home: HomeScreen) -> None:
        self.home = home

    def tell(self, notice: str) -> None:
        if notice:
            self.home.say(notice)

    def page(self) -> int:
        """The contexts in a pane, less one that stays in sight."""
        layout = self.home.layout_now()
        pane = layout.panes.get(self.home.explorer.view.focused)
        return max(1, pane.height - 3) if pane is not None else self.list_page()

    def list_page(self) -> int:
        layout = self.home.layout_now()
        place = layout.parts.get("list") or next(iter(layout.panes.values()), None)
        return max(1, place.height - 2) if place is not None else 10

    def down(self, by: int) -> None:
        """Through the contexts; through the neurons where the list is in use."""
        explorer = self.home.explorer
        self.tell(explorer.step(by) if explorer.view.in_list else explorer.move_context(by))

    def open_go_to(self) -> None:
        experts = "L13  E3  L12E3N345 -+" if self.home.explorer.has_experts else "L13  12.345  L12N345 -+"
        self.home.open_prompt("go.to", "go to", hint=f"345  +20  -20  {experts}")

    def go_to(self, text: str) -> str:
        explorer = self.home.explorer
        try:
            target = parse_goto(text, explorer.current, explorer.facts.sites)
        except GluscopeError as error:
            return told(error)
        explorer.go(target)
        return ""

    def open_context(self) -> None:
        explorer = self.home.explorer
        if explorer.view.in_list:
            explorer.change(in_list=False)
        elif explorer.stale:
            self.tell("the contexts are still being read")
        elif explorer.example is None:
            self.tell("there is no context here")
        else:
            self.home.app.open_context(self.home)

    def find(self, text: str) -> str:
        explorer = self.home.explorer
        explorer.change(find=text)
        if text:
            self.tell(explorer.find_here())
        return ""

    def mark(self) -> None:
        neuron = self.home.explorer.neuron
        notes = {mark.neuron: mark.note for mark in self._marks()}
        hint = "it is marked: Enter takes the mark away" if neuron in notes else "or just Enter"
        self.home.open_prompt("keep.mark", f"note for {neuron}", notes.get(neuron, ""), hint=hint)

    def _marks(self) -> tuple[Mark, ...]:
        try:
            return self.home.marks.read()
        except GluscopeError as error:
            self.home.say(told(error), bad=True)
            return ()

    def accept_mark(self, note: str) -> str:
        neuron, marks = self.home.explorer.neuron, self.home.marks
        try:
            if not note.strip() and any(mark.neuron == neuron for mark in marks.read()):
                marks.remove(neuron)
                self.tell(f"{neuron} is marked no more")
            else:
                marks.put(neuron, note)
                self.tell(f"{neuron} is marked in {marks.path}")
        except GluscopeError as error:
            return told(error)
        return ""

    def show_marks(self) -> None:
        explorer = self.home.explorer
        lines = [str(mark.neuron) for mark in self._marks()]
        marks, _ = read_list("marks", lines, explorer.facts.sites)
        if marks is None:
            self.tell(self.home.notice or "nothing is marked yet: m marks a neuron")
            return
        explorer.use_list(marks.find(explorer.current.neuron) or marks)

    def copy(self) -> None:
        example = self.home.explorer.example
        if example is None:
            self.tell("there is no context here")
        else:
            self.tell(self.home.app.copy_text(example.text))

    def undo(self) -> bool:
        """Undo the topmost of list, swap, find, zoom and a list put over the layer's; whether there was anything."""
        explorer = self.home.explorer
        view = explorer.view
        if view.in_list:
            explorer.change(in_list=False)
        elif explorer.swapped:
            explorer.swap()
        elif view.find:
            explorer.change(find="")
        elif view.zoomed:
            explorer.change(zoomed=False)
        elif explorer.list_is_over:
            explorer.leave_list()
            self.tell(f"{explorer.current.label} again; u goes back")
        else:
            return False
        return True

    def undo_or_leave(self) -> None:
        if not self.undo():
            self.home.app.leave()
