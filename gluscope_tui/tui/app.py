"""The app: opens the index, holds theme and colours, opens and closes screens, and always ends cleanly."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from indexer.database.remote.place import absolute
from indexer.errors import GluscopeError

from ..colour.depth import Depth, light_background
from ..colour.themes import THEMES, Theme, plain_theme
from ..kept.theme import ThemeFile
from .actions import ACTIONS
from .drawing.palette import Palette, palette
from .error_text import told
from .reading.live_process import SERVER, LiveProcess, live_log
from .reading.messages import IndexOpened, LiveSaid, OpeningFailed
from .reading.opening import Opened, Request, read_index
from .reading.thread import ReadingThread
from .screens.about import AboutScreen
from .screens.base import BaseScreen
from .screens.choice import ChoiceScreen, Menu
from .screens.export import export_menu
from .screens.home import HomeScreen
from .screens.palette import PaletteScreen
from .screens.table import TableScreen
from .screens.themes import ThemeScreen
from .session.explorer import Explorer
from .session.session import KeptFiles, Session
from .session.trying import Trying
from .tables.menus import sort_choices, sorted_by
from .terminal.clipboard import copy
from .terminal.crash import CrashingApp, report, write_log
from .terminal.window import WindowClosed
from .widgets.small import Small

TWICE_SECONDS = 2.0


class ExplorerApp(CrashingApp):
    """The explorer of one index. `failure` is set if it ended because the index can't be shown."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; overflow: hidden; } Small { width: 100%; height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "leave", "quit while the index opens", show=False)]

    def __init__(
        self,
        reading: ReadingThread[Opened],
        depth: Depth,
        *,
        theme: str = "",
        ascii_only: bool = False,
        server: Sequence[str] = SERVER,
    ) -> None:
        """`server`: the command of the process that runs the model for texts of the user's own."""
        super().__init__()
        self.animation_level = "none"
        self.reading = reading
        self._depth = depth
        self._ascii_only = ascii_only
        self._theme: Theme | None = THEMES.get(theme)
        self._live = LiveProcess(self._hear_later, server, live_log())
        self._home: HomeScreen | None = None
        self._request: Request | None = None
        self._interrupted = -TWICE_SECONDS
        self._loop_of_app: asyncio.AbstractEventLoop | None = None
        self.failure: GluscopeError | None = None
        self.palette: Palette = palette(depth, theme=self.theme_shown, ascii_only=ascii_only)

    async def on_key(self, event: events.Key) -> None:
        """Give the key to the screen. Textual's bindings only count while the index opens."""
        screen = self.screen
        if self.leaving or isinstance(screen, BaseScreen):
            event.prevent_default()
        if not self.leaving and isinstance(screen, BaseScreen):
            screen.take_key(event)

    # opening

    def on_mount(self) -> None:
        self._loop_of_app = asyncio.get_running_loop()
        if self.reading.opened.done() and self.reading.opened.exception() is None:
            self._open(self.reading.opened.result())
        else:
            self.query_one(Small).show("opening the index; q gives up", self.palette)
            self.run_worker(self._wait_for_index(self.reading), group="opening")

    def compose(self) -> ComposeResult:
        """The screen shown while a slow disk opens the index."""
        yield Small(self.palette)

    async def _wait_for_index(self, reading: ReadingThread[Opened]) -> None:
        try:
            self.post_message(IndexOpened(await asyncio.wrap_future(reading.opened), reading))
        except GluscopeError as error:
            self.post_message(OpeningFailed(error))

    def on_index_opened(self, message: IndexOpened) -> None:
        if self.leaving:
            message.reading.stop(Opened.close)
            return
        if message.reading is not self.reading:
            self.reading.stop(Opened.close)
            self.reading = message.reading
        self._open(message.opened)

    def on_opening_failed(self, message: OpeningFailed) -> None:
        if self.leaving:
            return
        if self._home is not None:
            self._home.session.reopening = False
            self._close_down_to(self._home)
            self._home.session.say(told(message.error), bad=True)
            return
        self.failure = message.error
        self.leaving = True
        self.exit(return_code=2)

    def reopen(self) -> str:
        """Open the file now at the index's path, at the same place. Returns the notice to show meanwhile.

        Nothing changes if opening fails.
        """
        if self._home is not None and self._request is not None and not self._home.session.reopening:
            self._home.session.reopening = True
            self.keep_state()
            explorer = self._home.explorer
            reading = read_index(self._request.anew(explorer.current.title if explorer.list_is_over else ""))
            self.run_worker(self._wait_for_index(reading), group="opening")
        return "reopening the index"

    def _open(self, opened: Opened) -> None:
        if self._theme is None:
            chosen = THEMES.get(ThemeFile().read() or opened.remembered.theme)
            self._theme = chosen or plain_theme(light=light_background(os.environ))
        self._request = opened.request
        explorer = Explorer(opened.facts, opened.current, opened.view, opened.record)
        self._live.stop()  # what it holds is of the index that was open before
        trying = Trying(self._live, absolute(opened.facts.path), opened.request.live)
        kept = KeptFiles(opened.state, opened.marks, opened.keys)
        session = Session(explorer, kept, self.reading, self, self.palette, trying)
        session.notice = "; ".join(opened.notices)
        before, self._home = self._home, HomeScreen(session)
        self._restyle()
        if before is None:
            self.push_screen(self._home)
            return
        self._close_down_to(before)
        self.switch_screen(self._home)

    def _close_down_to(self, screen: HomeScreen) -> None:
        while self.screen is not screen:
            self.pop_screen()

    def _hear_later(self, said: Mapping[str, Any]) -> None:
        """Called in the thread that reads what the process says."""
        self.post_message(LiveSaid(said))

    def on_live_said(self, message: LiveSaid) -> None:
        """Take what the process that runs the model says, and show it."""
        if self.leaving or self._home is None:
            return
        session = self._home.session
        if notice := session.trying.hear(message.said):
            trying = session.trying
            bad = not trying.tried.busy or bool(trying.tried.problem) or notice == trying.between.problem
            session.say(notice, bad=bad)
        self._home.redraw()
        if isinstance(self.screen, BaseScreen) and self.screen is not self._home:
            self.screen.follow()

    def on_unmount(self) -> None:
        self._live.stop()

    # theme

    @property
    def theme_shown(self) -> Theme:
        """The theme of every screen."""
        return self._theme or plain_theme(light=False)

    def open_themes(self) -> None:
        """Open the menu of themes above the current screen."""
        screen = self.screen
        if isinstance(screen, BaseScreen):
            self.push_screen(ThemeScreen(screen.session, self.theme_shown.name))

    def show_theme(self, name: str, *, keep: bool) -> str:
        """Show every screen in a theme. `keep`: also in later sessions. Returns a notice if that fails, or ""."""
        self._theme = THEMES[name]
        self._restyle()
        for screen in self.screen_stack:
            if isinstance(screen, BaseScreen):
                screen.redraw()
        return ThemeFile().write(name) if keep else ""

    def _restyle(self) -> None:
        self.palette = palette(self._depth, theme=self.theme_shown, ascii_only=self._ascii_only)
        if self._home is not None:
            self._home.session.palette = self.palette

    # screens

    def open_screen(self, action: str) -> None:
        """Open the screen of an action.

        Only one screen about the neuron (density, card) is open at a time: its own key closes it, another's replaces
        it. Of the tables, too, one replaces the other.
        """
        if self._home is None:
            return
        kind, screen = screen_of(action), self.screen
        for sort in (AboutScreen, TableScreen):
            if isinstance(screen, sort) and issubclass(kind, sort):
                screen.leave()
        if type(screen) is not kind:
            self.push_screen(kind(self._home.session))

    def open_sort(self) -> None:
        """Open a menu of the columns by which the current list can be sorted."""
        if self._home is None:
            return
        home, columns = self._home, self._home.explorer.facts.columns
        menu = Menu(
            "sort the list by",
            lambda: sort_choices(columns),
            lambda chosen: home.sort_list(sorted_by(chosen)),
            hint="some letters, Enter",
        )
        self.push_screen(ChoiceScreen(home.session, menu))

    def open_export(self) -> None:
        """Open a menu of the formats in which the neuron can be written."""
        if self._home is not None:
            self.push_screen(ChoiceScreen(self._home.session, export_menu(self._home)))

    def open_palette(self) -> None:
        """Open the palette: all actions of the current screen, by name."""
        screen = self.screen
        if isinstance(screen, BaseScreen):
            keys = screen.session.keys
            actions = [action for action in keys.actions_in(screen.scope) if action.id != "app.palette"]
            self.push_screen(PaletteScreen(screen.session, actions, screen.action_perform))

    # leaving and copying

    def copy_text(self, text: str) -> str:
        """Copy the text by every available way. Returns what was done."""
        if self.is_web:
            self.copy_to_clipboard(text.encode("utf-8", "replace").decode("utf-8"))
            return "sent to the browser's clipboard"
        return copy(text, self.copy_to_clipboard).notice()

    def interrupt(self) -> str:
        """Ctrl+C: quit if pressed twice within two seconds; otherwise return what to do."""
        now = time.monotonic()
        if now - self._interrupted < TWICE_SECONDS:
            self.leave()
            return ""
        self._interrupted = now
        return "ctrl+c once more quits"

    def to_shell(self) -> str:
        """Suspend to the shell until `fg` brings the explorer back. Returns why that can't be, or ""."""
        if self.is_web:
            return "there is no shell in a browser"
        self.action_suspend_process()
        return ""

    def on_window_closed(self, _message: WindowClosed) -> None:
        """The browser's window is gone."""
        self.leave()

    def action_leave(self) -> None:
        self.leave()

    def leave(self, return_code: int = 0) -> None:
        """Save the position and end."""
        self.leaving = True
        self.keep_state()
        self.exit(return_code=return_code)

    def leave_soon(self, return_code: int) -> None:
        """Call `leave` from a signal handler, which may interrupt anything: the event loop runs it later."""
        if self._loop_of_app is not None:
            self._loop_of_app.call_soon_threadsafe(self.leave, return_code)

    def ended(self) -> int:
        """The exit code after the run; reports a crash. Raises GluscopeError if the index can't be shown."""
        self._live.stop()
        if self.failure is not None:
            raise self.failure
        if self.crash is not None:
            report(self.crash, write_log(self.crash, list(self.trail), (self.size.width, self.size.height)))
            return 1
        return self.return_code or 0

    def keep_state(self) -> str:
        """Save the state for the next start; shows a notice if that fails."""
        if self._home is None:
            return ""
        return self._home.session.state.write(self._home.explorer.remembered(self.theme_shown.name))


def screen_of(action: str) -> type[BaseScreen]:
    """The class of the screen that an action opens; imported at first use."""
    module, _, name = next(one.opens for one in ACTIONS if one.id == action).partition(":")
    kind: type[BaseScreen] = getattr(import_module(f".screens.{module}", __package__), name)
    return kind
