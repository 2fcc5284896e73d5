"""No silence: every key of every screen changes something that can be seen, or says why it doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key

from gluscope_tui.tui.actions import ACTIONS, SCOPES, Action
from gluscope_tui.tui.app import ExplorerApp, screen_of
from gluscope_tui.tui.keymap import Keymap, key_name
from gluscope_tui.tui.screens.base import BaseScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.pictures import header
from gluscope_tui.tui.widgets.hints import Hints
from gluscope_tui.tui.widgets.lines import Lines
from tests.support.walking import AppMaker, home_of, press, typed

SCREENS = [None, *(action for action in ACTIONS if action.opens)]
LAST = ("app.reopen", "app.interrupt", "app.quit")
"""What ends or replaces the screens comes last."""
LISTS = {"search.open": "paris\r"}
"""What is typed into the prompt with which a screen opens."""


def seen(app: ExplorerApp) -> object:
    """All that a person sees and what the session holds: screen, lines with their styles, list, view."""
    screen, home = app.screen, home_of(app)
    drawn = {
        part.id: [part.render_line(row) for row in range(part.size.height)]
        for part in screen.query(Lines)
        if part.is_on_screen and not isinstance(part, Hints)
    }
    return (
        screen,
        {name: [list(strip) for strip in rows] for name, rows in drawn.items()},
        home.explorer.view,
        header(home.session),
    )


def notice(app: ExplorerApp) -> str:
    """The notice at the foot."""
    picture = app.screen.query_one(Hints).picture if app.screen.query(Hints) else None
    return home_of(app).session.notice or (picture.notice if picture is not None else "")


async def stand(app: ExplorerApp, pilot: object, action: Action | None) -> BaseScreen:
    """Go to the screen of an action, from wherever the last key led."""
    for _ in range(12):
        screen = app.screen
        assert isinstance(screen, BaseScreen)
        kind = HomeScreen if action is None else screen_of(action.id)
        if isinstance(screen, kind) and screen.typing is None:
            return screen
        if isinstance(screen, HomeScreen) and screen.typing is None and action is not None:
            await press(pilot, action.keys[0])  # type: ignore[arg-type]
            if app.screen is not screen and action.id in LISTS:
                await typed(pilot, LISTS[action.id])  # type: ignore[arg-type]
        else:
            await press(pilot, "escape")  # type: ignore[arg-type]
    raise AssertionError("the screen can't be reached")


@pytest.mark.slow
@pytest.mark.parametrize("action", SCREENS, ids=lambda action: action.id if action else "home")
async def test_every_key_acts_or_gives_a_notice(
    explorer_app: AppMaker, weighted_index: Path, action: Action | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await press_all(explorer_app("L1N5", path=weighted_index), action, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("id", ["about.card", "search.open"])
async def test_every_key_acts_or_gives_a_notice_where_there_is_nothing(
    explorer_app: AppMaker, hostile_index: Path, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LISTS, "search.open", "qqqqq\r")  # a word that nothing peaks on; and no weights
    action = next(action for action in ACTIONS if action.id == id)
    await press_all(explorer_app("L1N5", path=hostile_index), action, monkeypatch)


async def press_all(app: ExplorerApp, action: Action | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press each key of a screen, from that screen, and look for what it does or says."""
    shown: list[str] = []

    def pager(*_: object) -> str:
        shown.append("pager")
        return ""

    monkeypatch.setattr(app, "to_shell", lambda: shown.append("shell"))
    monkeypatch.setattr("gluscope_tui.tui.screens.home.page_pane", pager)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot)
        scope = (await stand(app, pilot, action)).scope
        actions = sorted(Keymap().actions_in(scope), key=lambda one: one.id in LAST)
        for one in actions:
            for key in one.keys:
                if not app.is_running or app.leaving:
                    continue
                await stand(app, pilot, action)
                home_of(app).session.say("")
                before = seen(app)
                shown.clear()
                await press(pilot, key)
                acted = app.leaving or not app.is_running or shown or seen(app) != before
                assert acted or notice(app), f"{key} ({one.id}) does nothing and says nothing"


@pytest.mark.slow
async def test_every_key_of_other_screens_says_where_it_works(explorer_app: AppMaker, weighted_index: Path) -> None:
    app = explorer_app("L1N5", path=weighted_index)
    every = dict.fromkeys(key for action in ACTIONS for key in (*action.keys, "B", "f12", "ctrl+x"))
    foreign = 0
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot)
        for action in SCREENS:
            screen = await stand(app, pilot, action)
            for key in (key for key in every if Keymap().action(key, screen.scope) is None):
                home_of(app).session.say("")
                screen.take_key(Key(key, None))
                assert app.screen is screen, f"{key} has no meaning {SCOPES[screen.scope]}, yet leaves it"
                words = notice(app)
                assert words.startswith(f"{key_name(key)} "), f"{key} is silent {SCOPES[screen.scope]}"
                somewhere = any(key in one.keys for one in ACTIONS)
                assert (" works " if somewhere else " does nothing: ") in words
                way = ("q goes back", "? lists the keys") if screen.scope != "home" else ("",)
                assert any(one in words[:78] for one in way), f"the foot cuts the way out: {words}"
                foreign += 1
    assert foreign > 300
