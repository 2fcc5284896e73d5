"""`x`: the effect of the focused quadrant, measured by the process that runs the model."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from textual.pilot import Pilot

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.effect import EffectScreen
from gluscope_tui.tui.session.effects import Effects
from gluscope_tui.tui.widgets.styled_lines import StyledLines

from ...support.walking import AppMaker


def stand_in(how: str, *seed: str) -> Sequence[str]:
    return (sys.executable, "-m", "tests.support.live_stand_in", how, *seed)


async def until(pilot: Pilot[None], text: str) -> str:
    """Wait until the screen shows a text."""
    found = ""
    for _ in range(600):
        await pilot.pause(0.02)
        screen = pilot.app.screen
        if isinstance(screen, EffectScreen) and text in (found := shown(screen)):
            return found
    raise AssertionError(f"{text!r} is not shown: {found}")


def shown(screen: EffectScreen) -> str:
    part = screen.query_one(StyledLines)
    return "\n".join(part.render_line(row).text.rstrip() for row in range(part.size.height))


def effects_of(app: ExplorerApp) -> Effects:
    screen = app.screen
    assert isinstance(screen, EffectScreen)
    return screen.effects


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_x_measures_the_focused_quadrant_and_shows_table_tokens_and_contexts(
    size: tuple[int, int], explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = explorer_app("L1N7", server=stand_in("well"))
    copied: list[str] = []

    def copy_text(text: str) -> str:
        copied.append(text)
        return "copied"

    monkeypatch.setattr(app, "copy_text", copy_text)
    async with app.run_test(size=size) as pilot:
        await pilot.press("3", "x")
        page = await until(pilot, "tokens altered")
        assert "L1N7 -+" in page
        assert "12 in 2 of 3 sequences" in page
        assert "+0.0125 [+0.0063, +0.025]" in page
        assert "extreme contexts" in page
        await pilot.press("pagedown")
        page = await until(pilot, "likelier")
        assert "+0.500 up␛[31m" in page
        assert "expected" in page
        assert "+0.750" in page
        assert "\x1b" not in page
        await pilot.press("C")
        assert [text.partition(" --db ")[0] for text in copied] == ["gluscope effect L1N7 -q -+ --controls 0"]


@pytest.mark.slow
async def test_another_quadrant_or_neuron_is_measured_on_demand_and_what_was_measured_is_kept(
    explorer_app: AppMaker,
) -> None:
    app = explorer_app("L1N7", server=stand_in("slow"))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "x")
        await until(pilot, "tokens altered")
        await pilot.press("2")
        assert "L1N7 +-" in await until(pilot, "Enter measures it")
        await pilot.press("enter")
        await until(pilot, "tokens altered")
        await pilot.press("j")
        assert "L1N8 +-" in await until(pilot, "Enter measures it")
        await pilot.press("k", "1")
        assert "L1N7 ++" in await until(pilot, "tokens altered")
        found = {(str(one.neuron), one.quadrant) for one in effects_of(app).found}
        assert found == {("L1N7", "++"), ("L1N7", "+-")}
        await pilot.press("x")
        assert not isinstance(app.screen, EffectScreen)
        await pilot.press("x")
        await until(pilot, "tokens altered")


async def test_a_process_that_cant_be_started_or_dies_is_told_and_starts_anew(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N7", server=("/nowhere/python",))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "x")
        await until(pilot, "the process that ran the model has ended; Enter tries again")
        app._live._command = tuple(stand_in("well"))
        await pilot.press("enter")
        await until(pilot, "tokens altered")


async def test_what_is_left_is_given_up_and_its_late_answer_is_dropped(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N7", server=stand_in("mute"))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "x")
        await until(pilot, "asking the model")
        effects = effects_of(app)
        assert effects.measuring is not None
        await pilot.press("q")
        await pilot.pause()
        assert effects.measuring is None
