"""A text of one's own in the explorer: shown in the neurons' colours and asked about, whatever the process does."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.standing import StandingScreen
from gluscope_tui.tui.session.tried import Tried
from gluscope_tui.tui.widgets.lines import Lines
from gluscope_tui.tui.widgets.own_text import OwnText
from gluscope_tui.tui.widgets.table import Table
from tests.support.live_stand_in import neuron_values
from tests.support.walking import AppMaker, here, home_of, press, settled, state_of, typed

PATIENCE = 300.0
"""Seconds: a real model takes some to load, on a busy machine many."""


def server(how: str, seed: int = 0) -> list[str]:
    return [sys.executable, "-m", "tests.support.live_stand_in", how, str(seed)]


def tried(app: ExplorerApp) -> Tried:
    return home_of(app).session.trying.tried


def strip(app: ExplorerApp) -> list[str]:
    widget = home_of(app).query_one(OwnText)
    return [widget.render_line(row).text.rstrip() for row in range(widget.size.height)]


async def until(pilot: Pilot[None], met: Callable[[], bool]) -> None:
    """Wait for something that the process brings about."""
    end = time.monotonic() + PATIENCE
    while not met() and time.monotonic() < end:
        await asyncio.sleep(0.02)
    assert met()
    await settled(pilot)


async def ask(pilot: Pilot[None], app: ExplorerApp, text: str) -> None:
    """Type a text of one's own, and wait until the neuron's values are there."""
    await press(pilot, "t", "ctrl+u")
    app.post_message(events.Paste(text))
    await press(pilot, "enter")

    def known() -> bool:
        state = state_of(app)
        return tried(app).values(state.neuron, state.view.signs) is not None

    await until(pilot, known)


@pytest.mark.slow
async def test_a_text_stands_under_the_header_in_the_neurons_colours(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5", server=server("well"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app, "ab\ncd")
        assert strip(app)[0].strip() == "<s>ab↵cd"
        assert "own 5/5" in strip(app)[-1]
        assert "«d»" in strip(app)[-1]
        post = neuron_values("ab\ncd", "L1N5")["post"][5]
        assert f"post {post:+.2f}" in strip(app)[-1]
        await press(pilot, "j")
        await until(
            pilot, lambda: f"post {neuron_values('ab' + chr(10) + 'cd', 'L1N6')['post'][5]:+.2f}" in strip(app)[-1]
        )
        await press(pilot, "comma", "comma", "full_stop")
        assert "own 4/5" in strip(app)[-1]
        await press(pilot, "i")
        assert "own 4/5" in app.screen.query_one(OwnText).render_line(1).text
        await press(pilot, "full_stop", "j")
        await until(pilot, lambda: "own 5/5" in app.screen.query_one(OwnText).render_line(1).text)
        await press(pilot, "i")
        styles = {segment.style for segment in home_of(app).query_one(OwnText).render_line(0) if segment.text.strip()}
        assert len(styles) > 1


@pytest.mark.slow
async def test_an_empty_text_takes_the_strip_away_and_earlier_texts_come_back(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5", server=server("well"))
    async with app.run_test(size=(80, 24)) as pilot:
        height = home_of(app).pane(state_of(app).view.focused).size.height
        await ask(pilot, app, "first")
        await ask(pilot, app, "second")
        assert home_of(app).pane(state_of(app).view.focused).size.height < height
        await press(pilot, "t", "up", "up")
        typing = home_of(app).typing
        assert typing is not None
        assert typing.text == "first"
        await press(pilot, "down", "ctrl+u", "enter")
        assert not tried(app).shown
        assert home_of(app).pane(state_of(app).view.focused).size.height == height
        await press(pilot, "full_stop", "T")
        assert "no text of your own is read: at home t asks for one" in app.screen.query_one(Table).render_line(1).text
        await press(pilot, "s", "S", "escape", "slash", "escape", "enter", "C", "q")
        assert app.screen is home_of(app)


@pytest.mark.slow
async def test_the_table_of_a_token_becomes_the_list(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5", server=server("well"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app, "abc")
        await press(pilot, "comma", "T")
        await until(pilot, lambda: isinstance(app.screen, StandingScreen) and app.screen.total == 20)
        screen = app.screen
        assert isinstance(screen, StandingScreen)
        table = screen.query_one(Table)
        lines = [table.render_line(row).text for row in range(table.size.height)]
        assert all(line.isprintable() for line in lines)
        assert "p99.5" in lines[1]
        await press(pilot, "S")
        await typed(pilot, "logit\r")
        await until(pilot, lambda: screen.total == 20)
        assert screen._table.wanted.sort == "logit"
        await press(pilot, "slash")
        await typed(pilot, "layer > \r")
        assert screen.typing is not None
        assert screen.typing.error
        await press(pilot, "ctrl+u")
        await typed(pilot, "layer > 1\r")
        await until(pilot, lambda: screen.total == 20)
        await press(pilot, "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        for part in ("gluscope prompt --at 2 --sort logit", "--where 'layer > 1'", " -- abc"):
            assert part in copied
        await press(pilot, "m")
        await typed(pilot, "stands out\r")
        (mark,) = home_of(app).session.marks.read()
        assert mark.name == f"L0N0 {neuron_values('abc', 'L0N0')['quadrant'][2]}"
        assert "L0N0★" in table.render_line(1).text
        await press(pilot, "space", "j", "space", "C")
        assert "| gluscope show - --db" in (state_home / "gluscope" / "copied.txt").read_text()
        await press(pilot, "asterisk", "home", "j", "j", "enter")
        assert here(app) == "L0N2"
        assert state_of(app).view.focused.value == neuron_values("abc", "L0N2")["quadrant"][2]
        assert "at 2 «b»" in state_of(app).current.title
        await press(pilot, "j")
        assert here(app) == "L0N3"
        await press(pilot, "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert copied.splitlines()[1].startswith("gluscope prompt --neuron L0N3 --db")


@pytest.mark.slow
async def test_a_process_that_ends_is_a_notice_and_is_started_again(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5", server=[sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"])
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t")
        await typed(pilot, "abc\r")
        await until(pilot, lambda: "has ended (exit code 3)" in tried(app).problem)
        assert "t tries again" in home_of(app).session.notice
        assert strip(app)[-1].endswith("has ended (exit code 3): t tries again")
        app._live._command = tuple(server("well"))
        await ask(pilot, app, "abc")
        assert "own 3/3" in strip(app)[-1]
    assert not app._live.runs


@pytest.mark.slow
async def test_a_process_that_can_not_be_started_is_a_notice(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5", server=["/nowhere/python"])
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t")
        await typed(pilot, "abc\r")
        await until(pilot, lambda: "has ended" in tried(app).problem)
        await press(pilot, "j")
        assert here(app) == "L1N6"


@pytest.mark.slow
async def test_the_explorer_stays_quick_while_the_process_says_nothing_and_it_ends_with_it(
    explorer_app: AppMaker,
) -> None:
    app = explorer_app("L1N5", server=server("mute"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t")
        await typed(pilot, "abc\r")
        await press(pilot, "T")
        assert "your text is still being read" in app.screen.query_one(Table).render_line(1).text
        said: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "copy_text", said.append)
            patch.setattr(app.screen, "say", said.append)
            await press(pilot, "C")
        (notice,) = filter(None, said)
        assert notice.startswith("your text is still being read")
        await press(pilot, "q", *"jjj")
        assert here(app) == "L1N8"
        assert "starting the process" in strip(app)[-1]
        running: Any = app._live._running
        pid = running._process.pid
    await asyncio.to_thread(running._process.wait, 10)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


KEYS = (
    "j",
    "k",
    "h",
    "l",
    "J",
    "K",
    "comma",
    "full_stop",
    "T",
    "t",
    "enter",
    "escape",
    "s",
    "f",
    "v",
    "z",
    "0",
    "C",
    "w",
)
BURST = 20


@pytest.mark.slow
@pytest.mark.parametrize("how", ["slow", "mixed", "dies", "wild"])
async def test_five_hundred_random_keys_break_nothing(explorer_app: AppMaker, how: str) -> None:
    """With a process that is slow, answers out of order, dies, or answers nonsense: 2,000 keys in all."""
    chance = random.Random(how)
    app = explorer_app("L1N5", server=server(how))
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(500 // BURST):
            for _ in range(BURST):
                name = chance.choice(KEYS)
                app.post_message(events.Key(name, name if len(name) == 1 else None))
                if name == "t":
                    app.post_message(events.Paste(chance.choice(("abc", "x\ny", "", "é" * 300, "\x1b[31m"))))
                    app.post_message(events.Key("enter", None))
            if chance.random() < 0.2:
                await pilot.resize_terminal(*chance.choice(((100, 30), (80, 24), (44, 15), (40, 10), (20, 5))))
            await pilot.pause(0.02)
        await pilot.resize_terminal(100, 30)
        while not isinstance(app.screen, HomeScreen) or app.screen.typing is not None:
            await pilot.press("escape")
            await pilot.pause()
        await settled(pilot)
        assert app.crash is None
        assert app.is_running
        state = state_of(app)
        for part in home_of(app).query(Lines):
            for row in range(part.size.height):
                assert part.render_line(row).text.isprintable()
        if how in ("slow", "mixed"):  # then what is shown is the last text, in the shown neuron's values
            await ask(pilot, app, "the end")
            values = tried(app).values(state.neuron, state.view.signs)
            assert values is not None
            assert values.as_object() == neuron_values("the end", state.neuron.name)
