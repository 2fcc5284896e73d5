"""Two thousand random keys with resizes on hostile text: whatever a person presses, nothing breaks."""

from __future__ import annotations

import random
from pathlib import Path

from textual import events

from gluscope_tui.tui.actions import ACTIONS
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.base import BaseScreen
from gluscope_tui.tui.widgets.lines import Lines

from .conftest import AppMaker, home_of

KEYS = 2000
AVOIDED = {"app.quit", "app.interrupt", "app.suspend", "keep.pager"}  # they leave the screen
TYPED = [*"0123456789+-LN.", "space", "enter", "enter", "escape", "backspace", "delete", "ctrl+u", "ctrl+w", "é"]
SIZES = [(80, 24), (120, 40), (60, 20), (40, 10), (72, 18), (30, 8), (200, 60), (1, 1), (110, 16), (3, 50)]


def prompting(app: ExplorerApp) -> bool:
    return isinstance(app.screen, BaseScreen) and app.screen.typing is not None


async def test_two_thousand_random_keys_and_resizes_break_nothing(explorer_app: AppMaker, weighted_index: Path) -> None:
    chance = random.Random(3)
    keys = [key for action in ACTIONS if action.id not in AVOIDED for key in action.keys]
    app = explorer_app(path=weighted_index)
    async with app.run_test(size=(80, 24)) as pilot:
        for number in range(KEYS):
            if number % 25 == 24:
                await pilot.resize_terminal(*chance.choice(SIZES))
            typing = prompting(app)
            key = chance.choice(TYPED if typing and chance.random() < 0.8 else keys)
            app.post_message(events.Key(key, key if len(key) == 1 else None))
            if number % 5 == 4:
                await pilot.pause()
        await pilot.resize_terminal(80, 24)
        while len(app.screen_stack) > 2 or prompting(app):
            await pilot.press("escape")
        await app.workers.wait_for_complete()
        await pilot.pause()
        home = home_of(app)
        assert not home.explorer.stale
        assert app.crash is None
        for part in home.query(Lines):
            for row in range(part.size.height):
                assert part.render_line(row).text.isprintable()
