"""The recipes for a screen and for a part of one: a step left out fails here."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from textual.pilot import Pilot

from gluscope_tui.tui import screens
from gluscope_tui.tui.actions import ACTIONS, SCOPES, Action
from gluscope_tui.tui.app import ExplorerApp, screen_of
from gluscope_tui.tui.help import keys_page
from gluscope_tui.tui.keymap import Keymap
from gluscope_tui.tui.screens.about import AboutScreen
from gluscope_tui.tui.screens.base import BaseScreen
from gluscope_tui.tui.screens.choice import ChoiceScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.palette import PaletteScreen
from gluscope_tui.tui.screens.table import TableScreen
from gluscope_tui.tui.screens.themes import ThemeScreen
from gluscope_tui.tui.widgets.hints import Hints
from tests.support.walking import AppMaker, press

KEYS = Keymap()
OPENING = [action for action in ACTIONS if action.opens]
NOT_OPENED_BY_A_KEY = {BaseScreen, AboutScreen, TableScreen, ChoiceScreen, PaletteScreen, HomeScreen, ThemeScreen}
"""Base classes of screens, menus (which take typed keys as text), and home."""
SIZES = [(80, 24), (120, 40), (60, 20), (80, 12), (30, 8)]


def screen_classes() -> set[type[BaseScreen]]:
    """Every screen class in the package."""
    found = set()
    for file in Path(screens.__path__[0]).glob("*.py"):
        for thing in vars(import_module(f"{screens.__name__}.{file.stem}")).values():
            if inspect.isclass(thing) and issubclass(thing, BaseScreen):
                found.add(thing)
    return found


def test_every_screen_is_opened_by_an_action_and_needs_only_a_session() -> None:
    opened = {screen_of(action.id) for action in OPENING}
    assert opened == screen_classes() - NOT_OPENED_BY_A_KEY
    for kind in opened:
        assert list(inspect.signature(kind).parameters) == ["session"], kind


def test_every_scope_has_a_screen_words_keys_to_leave_and_a_foot() -> None:
    of_screens = {kind.scope for kind in screen_classes() if kind.scope}
    assert of_screens == set(SCOPES) == {scope for action in ACTIONS for scope in action.scopes}
    for scope in SCOPES:
        assert {"app.quit", "app.undo", "app.theme", "app.interrupt"} <= {
            action.id for action in KEYS.actions_in(scope)
        }
        assert len(KEYS.hints(scope)) >= 2, scope
        assert SCOPES[scope] in keys_page()


async def standing(app: ExplorerApp, pilot: Pilot[None], action: Action | None) -> BaseScreen:
    """The screen that an action opens from home; home itself if it opens none."""
    await press(pilot, *(action.keys[:1] if action else ()))
    kind = HomeScreen if action is None else screen_of(action.id)
    screen = app.screen
    assert isinstance(screen, kind)
    return screen


@pytest.mark.parametrize("action", [None, *OPENING], ids=lambda action: action.id if action else "home")
async def test_every_key_of_a_screen_has_a_handler_and_every_part_a_place(
    explorer_app: AppMaker, weighted_index: Path, action: Action | None
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await standing(app, pilot, action)
        assert screen.scope
        assert set(screen.handlers()) >= {one.id for one in KEYS.actions_in(screen.scope)}
        parts = {part.id for part in screen.children}
        if action is None:
            await press(pilot, "g")
        elif "table.filter" in screen.handlers():
            await press(pilot, "slash")
        placed = {name for width, height in SIZES for name in screen.rectangles(width, height)}
        assert placed <= parts
        assert parts - placed <= {
            "prompt",
            "list",
            "hints",
            "own",
        }  # nothing is typed or tried; the list is beside


ALL_KEYS = sorted({key for action in ACTIONS for key in action.keys} | {"t", "f5", "exclamation_mark"})


@pytest.mark.slow
@pytest.mark.parametrize("action", [None, *OPENING], ids=lambda action: action.id if action else "home")
async def test_a_key_that_does_nothing_here_says_where_it_works(
    explorer_app: AppMaker, weighted_index: Path, action: Action | None
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await standing(app, pilot, action)
        if screen.typing is not None:
            await press(pilot, "x", "enter")
        bound = {key for one in KEYS.actions_in(screen.scope) for key in one.keys}
        for key in ALL_KEYS:
            if key in bound:
                assert KEYS.elsewhere(key, screen.scope) == ""
                continue
            await pilot.press(key)
            assert isinstance(app.screen, type(screen))
            foot = screen.query_one(Hints).picture
            assert foot is not None
            assert foot.notice == KEYS.elsewhere(key, screen.scope) != "", key
            assert "works " in foot.notice or "does nothing" in foot.notice
            assert "q goes back" in foot.notice or screen.scope == "home" or "? lists" in foot.notice
