"""Pressing keys in the explorer, and reading what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from textual import events
from textual.pilot import Pilot

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.session.explorer import Explorer
from gluscope_tui.tui.widgets.header import HeaderLine
from gluscope_tui.tui.widgets.pane import Pane
from indexer.quadrants import Quadrant

AppMaker = Callable[..., ExplorerApp]
Item = TypeVar("Item")


def home_of(app: ExplorerApp) -> HomeScreen:
    """The home screen, wherever it is on the stack."""
    return next(screen for screen in app.screen_stack if isinstance(screen, HomeScreen))


async def settled(pilot: Pilot[None]) -> None:
    """Nothing is being read any more, and everything is drawn; what was read may have asked for more."""
    for _ in range(3):
        await pilot.pause(0)
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def walked(pilot: Pilot[None], hits: Sequence[Item]) -> AsyncIterator[tuple[int, Item]]:
    """Walk the explorer's list by `j`. Yields each place and the hit expected there."""
    for place, hit in enumerate(hits):
        yield place, hit
        await press(pilot, "j")


def header_text(app: ExplorerApp) -> str:
    """All that the header says, its lines one after the other."""
    header = home_of(app).query_one(HeaderLine)
    return " ".join(header.render_line(row).text for row in range(header.size.height))


def pane_text(app: ExplorerApp, quadrant: Quadrant = Quadrant.PP) -> list[str]:
    pane = home_of(app).query_one(f"#pane-{quadrant.letters}", Pane)
    return [pane.render_line(row).text for row in range(pane.size.height)]


def state_of(app: ExplorerApp) -> Explorer:
    return home_of(app).explorer


def here(app: ExplorerApp) -> str:
    return str(state_of(app).current.neuron)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settled(pilot)


async def typed(pilot: Pilot[None], text: str) -> None:
    """Keys as fast as a paste: all are there before the first is handled."""
    for character in text:
        key = {"\r": "enter", "/": "slash", "-": "minus", "+": "plus", " ": "space", ":": "colon"}.get(
            character, character
        )
        pilot.app.post_message(events.Key(key, None if character == "\r" else character))
    await settled(pilot)
