"""The app: opens the index, holds the looks, opens and closes screens, ends cleanly whatever happens."""

from __future__ import annotations

import asyncio
import os
import time
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from indexer.errors import GluscopeError

from ..colour.depth import Depth, light_background
from .actions import actions_in
from .drawing.palette import Palette, palette
from .error_text import told
from .help import help_lines
from .reading.messages import IndexOpened, OpeningFailed
from .reading.opening import Opened, read_index
from .reading.thread import ReadingThread
from .screens.about import AboutScreen
from .screens.base import BaseScreen
from .screens.card import CardScreen
from .screens.choice import ChoiceScreen
from .screens.context import ContextScreen
from .screens.density import DensityScreen
from .screens.home import HomeScreen
from .screens.layers import LayersScreen
from .screens.neurons import NeuronsScreen
from .screens.overlay import HelpScreen, PaletteScreen
from .screens.search import SearchScreen
from .tables.menus import sort_choices, sorted_by
from .terminal.clipboard import copy
from .terminal.crash import CrashingApp
from .widgets.small import Small

TWICE_SECONDS = 2.0


class ExplorerApp(CrashingApp):
    """The explorer of one index. `failure` is set where it ended because the index can't be shown."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; overflow: hidden; } Small { width: 100%; height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "leave", "quit while the index opens", show=False)]

    def __init__(
        self, reading: ReadingThread[Opened], depth: Depth, *, light: bool | None = None, ascii_only: bool = False
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        self.reading = reading
        self._depth = depth
        self._ascii_only = ascii_only
        self._light = light
        self._home: HomeScreen | None = None
        self.reopening = False
        self._interrupted = -TWICE_SECONDS
        self._loop_of_app: asyncio.AbstractEventLoop | None = None
        self.failure: GluscopeError | None = None
        self.palette: Palette = palette(depth, light=bool(light), ascii_only=ascii_only)

    async def on_key(self, event: events.Key) -> None:
        """Keys go to the open prompt, if there is one, before they are looked up in the registry."""
        screen = self.screen
        if self.leaving or (isinstance(screen, BaseScreen) and screen.type_key(event)):
            event.prevent_default()

    # opening

    def on_mount(self) -> None:
        self._loop_of_app = asyncio.get_running_loop()
        if self.reading.opened.done() and self.reading.opened.exception() is None:
            self._open(self.reading.opened.result())
        else:
            self.query_one(Small).show("opening the index; q gives up", self.palette)
            self.run_worker(self._wait_for_index(self.reading), group="opening")

    def compose(self) -> ComposeResult:
        """What stands on the screen while a slow disk opens the index."""
        yield Small(self.palette)

    async def _wait_for_index(self, reading: ReadingThread[Opened]) -> None:
        try:
            self.post_message(IndexOpened(await asyncio.wrap_future(reading.opened), reading))
        except GluscopeError as error:
            self.post_message(OpeningFailed(error))

    def on_index_opened(self, message: IndexOpened) -> None:
        self.reopening = False
        if self.leaving:
            message.reading.stop(Opened.close)
            return
        if message.reading is not self.reading:
            self.reading.stop(Opened.close)
            self.reading = message.reading
        self._open(message.opened)

    def on_opening_failed(self, message: OpeningFailed) -> None:
        self.reopening = False
        if self.leaving:
            return
        if self._home is not None:
            self._close_down_to(self._home)
            self._home.say(told(message.error), bad=True)
            return
        self.failure = message.error
        self.leaving = True
        self.exit(return_code=2)

    def reopen(self) -> str:
        """Open what stands at the index's path by now, at the same place; what to say meanwhile. Where that fails all
        stays as it is."""
        if self._home is not None and not self.reopening:
            self.reopening = True
            self.keep_state()
            explorer = self._home.explorer
            reading = read_index(self._home.request.anew(explorer.current.title if explorer.list_is_over else ""))
            self.run_worker(self._wait_for_index(reading), group="opening")
        return "reopening the index"

    def _open(self, opened: Opened) -> None:
        if self._light is None:
            theme = opened.remembered.theme
            self._light = theme == "light" if theme else light_background(os.environ)
        self._restyle()
        before, self._home = self._home, HomeScreen(opened, self.reading)
        if before is None:
            self.push_screen(self._home)
            return
        self._close_down_to(before)
        self.switch_screen(self._home)

    def _close_down_to(self, screen: HomeScreen) -> None:
        while self.screen is not screen:
            self.pop_screen()

    # looks

    def toggle_theme(self) -> None:
        """From dark to light and back, on every screen."""
        self._light = not self._light
        self._restyle()
        for screen in self.screen_stack:
            if isinstance(screen, BaseScreen):
                screen.redraw()

    def _restyle(self) -> None:
        self.palette = palette(self._depth, light=bool(self._light), ascii_only=self._ascii_only)

    # screens

    def open_context(self, home: HomeScreen) -> None:
        self.push_screen(ContextScreen(home))

    def open_density(self) -> None:
        self._open_about(DensityScreen)

    def open_card(self) -> None:
        self._open_about(CardScreen)

    def _open_about(self, kind: type[AboutScreen]) -> None:
        """Open what tells more about the neuron; where it is open its key closes it, and the other's replaces it."""
        screen = self.screen
        if isinstance(screen, AboutScreen):
            screen.leave()
        if self._home is not None and type(screen) is not kind:
            self.push_screen(kind(self._home))

    def open_help(self) -> None:
        if self._home is not None:
            self.push_screen(HelpScreen(tuple(help_lines(self._home.marks.path, self._home.state.path))))

    def open_neurons(self, home: HomeScreen) -> None:
        self.push_screen(NeuronsScreen(home, home.neurons_table))

    def open_layers(self, home: HomeScreen) -> None:
        self.push_screen(LayersScreen(home, home.layers_table))

    def open_search(self, home: HomeScreen) -> None:
        self.push_screen(SearchScreen(home, home.search_table))

    def open_sort(self, home: HomeScreen) -> None:
        """A menu of what the current list can be sorted by."""
        weights = home.explorer.facts.weights
        self.push_screen(
            ChoiceScreen(
                "sort the list by",
                lambda: sort_choices(weights),
                lambda chosen: home.sort_list(*sorted_by(chosen)),
                hint="some letters, Enter",
            )
        )

    def open_palette(self) -> None:
        screen = self.screen
        if isinstance(screen, BaseScreen):
            scope = "context" if isinstance(screen, ContextScreen) else "home"
            actions = [action for action in actions_in(scope) if action.id != "app.palette"]
            self.push_screen(PaletteScreen(actions, screen.action_perform))

    # leaving and copying

    def copy_text(self, text: str) -> str:
        """Copy by every way there is; what was done."""
        return copy(text, self.copy_to_clipboard).notice()

    def interrupt(self) -> str:
        """Ctrl+C: quit if it is the second within two seconds; else what to do."""
        now = time.monotonic()
        if now - self._interrupted < TWICE_SECONDS:
            self.leave()
            return ""
        self._interrupted = now
        return "ctrl+c once more quits"

    def action_leave(self) -> None:
        self.leave()

    def leave(self, return_code: int = 0) -> None:
        """Keep the position and end."""
        self.leaving = True
        self.keep_state()
        self.exit(return_code=return_code)

    def leave_soon(self, return_code: int) -> None:
        """The same from a signal handler, which may interrupt anything: done when the loop comes round."""
        if self._loop_of_app is not None:
            self._loop_of_app.call_soon_threadsafe(self.leave, return_code)

    def keep_state(self) -> str:
        """Write what the next start should know; a notice where that fails."""
        if self._home is None:
            return ""
        return self._home.state.write(self._home.explorer.remembered(bool(self._light)))
