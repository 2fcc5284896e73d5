"""The exploration of one index: position, last notice, kept files. All screens share it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from indexer.errors import GluscopeError

from ...kept.marks_file import MarksFile
from ...kept.remembered import StateFile
from ..drawing.palette import Palette
from ..keymap import Keymap
from .current_list import CurrentList
from .explorer import Explorer
from .marking import Notes
from .trying import Trying

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Screens(Protocol):
    """What the app does for every screen: opening others, and actions that belong to no single screen."""

    def open_screen(self, action: str) -> None:
        """Open the screen of the registry's action with this id above the current one."""

    def open_sort(self) -> None:
        """Open a menu of the columns by which the current list can be sorted."""

    def open_export(self) -> None:
        """Open a menu of the formats in which the neuron can be written."""

    def open_palette(self) -> None:
        """Open the palette: all actions of the current screen, by name."""

    def open_themes(self) -> None:
        """Open the menu of themes above the current screen."""

    def show_theme(self, name: str, *, keep: bool) -> str:
        """Show every screen in a theme. `keep`: also in later sessions. Returns a notice if that fails, or ""."""

    def reopen(self) -> str:
        """Open the file now at the index's path. Returns the notice to show meanwhile."""

    def copy_text(self, text: str) -> str:
        """Copy the text by every available way. Returns what was done."""

    def interrupt(self) -> str:
        """Handle Ctrl+C. Returns what to do to quit, or "" if already quitting."""

    def to_shell(self) -> str:
        """Suspend to the shell. Returns why that can't be, or ""."""

    def leave(self) -> None:
        """Save the position and end."""


class Reading(Protocol):
    """Answers questions about the index, one at a time."""

    def ask(self, question: Callable[[Any], Result]) -> Future[Result]:
        """Ask a question. Returns a future of the answer."""
        raise NotImplementedError

    def give_up(self, answer: Future[Any], interrupt: Callable[[Any], None]) -> None:
        """Cancel a question whose answer is no longer needed."""


class Front(Protocol):
    """The screen that shows the session and reads what it asks for: home."""

    def notice_changed(self) -> None:
        """Show the notice, or clear it."""

    def wish_changed(self) -> None:
        """Read the neuron now wanted, and draw."""

    def redraw(self) -> None:
        """Show the changes made by a screen above."""


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """What the files of a user say: where he was, his marks, his keys."""

    state: StateFile
    marks: MarksFile
    keys: Keymap


class Session:
    """The state shared by all screens. The home screen sets `front` once it exists."""

    front: Front

    def __init__(
        self,
        explorer: Explorer,
        kept: KeptFiles,
        reading: Reading,
        screens: Screens,
        palette: Palette,
        trying: Trying,
    ) -> None:
        self.explorer = explorer
        self.state, self.marks, self.keys = kept.state, kept.marks, kept.keys
        self.reading = reading
        self.screens = screens
        self.palette = palette
        self.trying = trying
        self.notice, self.notice_is_bad = "", False
        self.reopening = False
        """Whether the index is being reopened; until it is, nothing more is read from the old one."""
        self.notes = Notes()
        """The marks as they were read last."""
        self.read_notes()
        self._outliving: dict[type[Any], Any] = {}

    def say(self, notice: str, *, bad: bool = False) -> None:
        """Show a notice at the foot until the next key or for a while; "" clears it.

        It names keys by their actions: `{app.quit} goes back`.
        """
        self.notice, self.notice_is_bad = self.keys.filled(notice), bad
        self.front.notice_changed()

    def tell(self, notice: str) -> None:
        """Show a notice, unless it is ""."""
        if notice:
            self.say(notice)

    def take_list(self, current: CurrentList) -> None:
        """Make this the current list, and show its current row."""
        self.explorer.use_list(current)
        self.explorer.change(in_list=False)
        self.notice = ""
        self.front.wish_changed()

    def read_notes(self) -> None:
        """Read the marks again for display. Errors are ignored here; actions on marks report them."""
        self._stamp = self.marks.stamp()
        try:
            self.notes = Notes(self.marks.read())
        except GluscopeError:
            self.notes = Notes()

    def see_notes(self) -> None:
        """Read the marks again if another explorer, a command or their owner has changed the file."""
        if self.marks.stamp() != self._stamp:
            self.read_notes()

    def outliving(self, kind: type[Thing], make: Callable[[], Thing]) -> Thing:
        """The one object of this kind that outlives its screen; made at first use."""
        if kind not in self._outliving:
            self._outliving[kind] = make()
        found: Thing = self._outliving[kind]
        return found
