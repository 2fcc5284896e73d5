"""One index being explored: where one is in it, what was said last, what is kept. Every screen shares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from indexer.addresses import NeuronAddress
from indexer.errors import GluscopeError

from ..drawing.palette import Palette
from ..kept.marks import MarksFile
from ..kept.remembered import StateFile
from .current_list import CurrentList
from .explorer import Explorer

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Screens(Protocol):
    """What the app does for every screen: opens others, and what belongs to no single one."""

    def open_screen(self, action: str) -> None:
        """The screen that the registry's action with this id opens, above this one."""

    def open_sort(self) -> None:
        """A menu of what the current list can be sorted by."""

    def open_palette(self) -> None:
        """All actions of the screen that is open, by name."""

    def toggle_theme(self) -> None:
        """From dark to light and back."""

    def reopen(self) -> str:
        """Open what stands at the index's path by now; what to say meanwhile."""

    def copy_text(self, text: str) -> str:
        """Copy by every way there is; what was done."""

    def interrupt(self) -> str:
        """Ctrl+C was pressed: what to do to quit, or "" where that is done."""

    def to_shell(self) -> None:
        """To the shell."""

    def leave(self) -> None:
        """Keep the position and end."""


class Reading(Protocol):
    """What answers questions about the index, one after the other."""

    def ask(self, question: Callable[[Any], Result]) -> Future[Result]:
        """The answer to come."""
        raise NotImplementedError

    def give_up(self, answer: Future[Any], interrupt: Callable[[Any], None]) -> None:
        """Nobody waits for an answer any more."""


class Front(Protocol):
    """Who shows the session and reads what it asks for: the home screen."""

    def notice_changed(self) -> None:
        """Show the notice, or that there is none."""

    def wish_changed(self) -> None:
        """Another neuron or look may be wanted: read it, and draw."""

    def redraw(self) -> None:
        """Show what a screen above has changed."""


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The files in which the session is kept."""

    state: StateFile
    marks: MarksFile


class Session:
    """What the screens share. `front` is set by the home screen once it is there."""

    front: Front

    def __init__(
        self, explorer: Explorer, kept: KeptFiles, reading: Reading, screens: Screens, palette: Palette
    ) -> None:
        self.explorer = explorer
        self.state, self.marks = kept.state, kept.marks
        self.reading = reading
        self.screens = screens
        self.palette = palette
        self.notice, self.notice_is_bad = "", False
        self.reopening = False
        """Whether the index is being opened anew: until it is, nothing more is read from this one."""
        self.notes: Mapping[NeuronAddress, str] = {}
        """The notes of the marked neurons, as they were read last."""
        self.read_notes()
        self._outliving: dict[type[Any], Any] = {}

    def say(self, notice: str, *, bad: bool = False) -> None:
        """A notice at the foot, until the next key or for a while; "" takes it away."""
        self.notice, self.notice_is_bad = notice, bad
        self.front.notice_changed()

    def tell(self, notice: str) -> None:
        """A notice, if there is one."""
        if notice:
            self.say(notice)

    def take_list(self, current: CurrentList) -> None:
        """Another current list, and what is at its place."""
        self.explorer.use_list(current)
        self.explorer.change(in_list=False)
        self.notice = ""
        self.front.wish_changed()

    def read_notes(self) -> None:
        """Read the marks again, for those who show them; whoever needs the marks themselves hears what is wrong."""
        try:
            self.notes = {mark.neuron: mark.note for mark in self.marks.read()}
        except GluscopeError:
            self.notes = {}

    def outliving(self, kind: type[Thing], make: Callable[[], Thing]) -> Thing:
        """The one thing of this kind that outlives the screen it is shown on; made when it is asked for first."""
        if kind not in self._outliving:
            self._outliving[kind] = make()
        found: Thing = self._outliving[kind]
        return found
