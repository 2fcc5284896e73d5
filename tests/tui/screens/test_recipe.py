"""The recipes of a screen and of a part of one: a step that was left out fails here."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from gluscope_tui.tui import screens
from gluscope_tui.tui.actions import ACTIONS, SCOPES, Action, actions_in, hints
from gluscope_tui.tui.app import ExplorerApp, screen_of
from gluscope_tui.tui.help import keys_page
from gluscope_tui.tui.screens.about import AboutScreen
from gluscope_tui.tui.screens.base import BaseScreen
from gluscope_tui.tui.screens.choice import ChoiceScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.overlay import PaletteScreen
from gluscope_tui.tui.screens.table import TableScreen
from tests.support.walking import AppMaker, press

OPENING = [action for action in ACTIONS if action.opens]
NOT_OPENED_BY_A_KEY = {BaseScreen, AboutScreen, TableScreen, ChoiceScreen, PaletteScreen, HomeScreen}
"""Kinds of screens, menus (which take the keys that are typed), and home."""
SIZES = [(80, 24), (120, 40), (60, 20), (80, 12), (30, 8)]


def screen_classes() -> set[type[BaseScreen]]:
    """Every class of a screen that the room's files make."""
    found = set()
    for file in Path(screens.__path__[0]).glob("*.py"):
        for thing in vars(import_module(f"{screens.__name__}.{file.stem}")).values():
            if inspect.isclass(thing) and issubclass(thing, BaseScreen):
                found.add(thing)
    return found


def test_every_screen_is_opened_by_an_action_and_made_from_a_session_alone() -> None:
    opened = {screen_of(action.id) for action in OPENING}
    assert opened == screen_classes() - NOT_OPENED_BY_A_KEY
    for kind in opened:
        assert list(inspect.signature(kind).parameters) == ["session"], kind


def test_every_scope_is_a_screens_has_words_keys_to_leave_it_and_a_foot() -> None:
    of_screens = {kind.scope for kind in screen_classes() if kind.scope}
    assert of_screens == set(SCOPES) == {scope for action in ACTIONS for scope in action.scopes}
    for scope in SCOPES:
        assert {"app.quit", "app.undo", "app.theme", "app.interrupt"} <= {action.id for action in actions_in(scope)}
        assert len(hints(scope)) >= 2, scope
        assert SCOPES[scope] in keys_page()


async def opened(app: ExplorerApp, pilot: object, action: Action) -> BaseScreen:
    """The screen that an action opens, from where its key works first."""
    if "home" not in action.scopes:
        raise AssertionError(f"{action.id} can't be reached from home")
    await press(pilot, action.keys[0])  # type: ignore[arg-type]  # a Pilot
    assert isinstance(app.screen, screen_of(action.id))
    return app.screen


@pytest.mark.parametrize("action", [None, *OPENING], ids=lambda action: action.id if action else "home")
async def test_every_key_of_a_screen_has_a_handler_and_every_part_its_place(
    explorer_app: AppMaker, weighted_index: Path, action: Action | None
) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot)
        screen = app.screen if action is None else await opened(app, pilot, action)
        assert isinstance(screen, BaseScreen)
        assert screen.scope
        assert set(screen.handlers()) >= {one.id for one in actions_in(screen.scope)}
        parts = {part.id for part in screen.children}
        if action is None:
            await press(pilot, "g")
        elif "table.filter" in screen.handlers():
            await press(pilot, "slash")
        placed = {name for width, height in SIZES for name in screen.rectangles(width, height)}
        assert placed <= parts
        assert parts - placed <= {"prompt", "list", "hints"}  # where nothing is typed, or the list is beside
