"""Storms of random input on hostile text: bursts faster than a repaint, pastes, the mouse, resizes; nothing breaks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from textual import events

from gluscope_tui.tui.actions import ACTIONS
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.base import BaseScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.widgets.lines import Lines
from tests.support.walking import AppMaker, home_of

BURSTS = 90
AVOIDED = {"app.quit", "app.interrupt", "app.suspend", "keep.pager"}  # they leave the screen
TYPED = [*"0123456789+-LN.", "space", "enter", "enter", "escape", "backspace", "delete", "ctrl+u", "ctrl+w", "é"]
OPENING = ["colon", "S", "g", "slash", "m", "L", "O", "F", "i", "d", "enter", "escape", "question_mark"]
"""Keys that open a prompt, a menu or a screen, and that close one."""
PASTED = ["L2N3", "frequency_pp > 0.1", "\x1b[31m", "two\nlines\n", "x" * 3000, "", "[@click=app.quit]x[/]"]
SIZES = [(80, 24), (120, 40), (60, 20), (40, 10), (72, 18), (30, 8), (200, 60), (1, 1), (110, 16), (3, 50)]


def prompting(app: ExplorerApp) -> bool:
    return isinstance(app.screen, BaseScreen) and app.screen.typing is not None


def key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


def mouse(kind: type[events.MouseEvent], x: int, y: int) -> events.MouseEvent:
    return kind(None, x, y, 0, 0, 1, False, False, False, x, y)


def some_input(app: ExplorerApp, chance: random.Random, keys: list[str]) -> list[events.Event]:
    """Mostly a key; otherwise a paste, a click or a turn of the wheel."""
    what = chance.random()
    width, height = app.size
    x, y = chance.randrange(width), chance.randrange(height)
    if what < 0.03:
        return [events.Paste(chance.choice(PASTED))]
    if what < 0.08:
        return [mouse(events.MouseDown, x, y), mouse(events.MouseUp, x, y)]
    if what < 0.12:
        return [mouse(chance.choice([events.MouseScrollDown, events.MouseScrollUp]), x, y)]
    if what < 0.35:
        return [key(chance.choice(OPENING))]
    return [key(chance.choice(TYPED if prompting(app) and chance.random() < 0.7 else keys))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_a_storm_of_input_breaks_nothing(explorer_app: AppMaker, weighted_index: Path, seed: int) -> None:
    chance = random.Random(seed)
    keys = [name for action in ACTIONS if action.id not in AVOIDED for name in action.keys]
    app = explorer_app(path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(BURSTS):
            for _ in range(chance.choice((1, 2, 5, 30))):
                for event in some_input(app, chance, keys):
                    app.post_message(event)
                if chance.random() < 0.03:
                    await pilot.resize_terminal(*chance.choice(SIZES))
            await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await app.workers.wait_for_complete()
        await pilot.pause()
        while prompting(app) or not isinstance(app.screen, HomeScreen):
            await pilot.press("escape")
            await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.crash is None
        assert app.is_running
        home = home_of(app)
        assert not home.explorer.stale
        for part in home.query(Lines):
            for row in range(part.size.height):
                assert part.render_line(row).text.isprintable()


OPENERS = {
    "palette": ["colon"],
    "sort menu": ["S"],
    "columns": ["L", "c"],
    "sort menu of a table": ["L", "S"],
    "condition": ["L", "slash"],
    "search": ["F"],
    "go to": ["g"],
    "find": ["slash"],
    "note": ["m"],
}
"""Every place where keys are typed, and the keys that lead there from home."""


@pytest.mark.slow
@pytest.mark.parametrize("place", OPENERS)
async def test_keys_on_their_way_to_what_is_closing_are_dropped_or_go_to_the_next(
    explorer_app: AppMaker, weighted_index: Path, place: str
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        for closing in ("escape", "enter"):
            for _ in range(3):
                for name in (*OPENERS[place], "n", closing, "e", "n", "escape", "escape", "escape"):
                    app.post_message(key(name))
                    app.post_message(events.Paste("pasted"))
                app.screen.post_message(events.Paste("to the screen itself"))
                await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        while prompting(app) or not isinstance(app.screen, HomeScreen):
            await pilot.press("escape")
            await pilot.pause()
        assert app.crash is None
        assert app.is_running


@pytest.mark.parametrize("opening", ["colon", "S", "L", "F", "question_mark", "i", "enter"])
async def test_a_screen_closed_before_it_is_ready_is_not_drawn(explorer_app: AppMaker, opening: str) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(key(opening))
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, BaseScreen)
        assert not isinstance(screen, HomeScreen)
        screen.close()
        screen.redraw()
        screen.on_paste(events.Paste("late"))
        await pilot.pause()
        screen.redraw()
        await pilot.pause()
        assert app.crash is None
        assert isinstance(app.screen, HomeScreen)
