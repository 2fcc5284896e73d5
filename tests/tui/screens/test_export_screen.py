"""`X`: what is shown becomes a web page or a picture in a folder that the notice names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from gluscope_tui.cli.app import run
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.export import FOLDER
from gluscope_tui.tui.widgets.hints import Hints
from tests.support.walking import AppMaker, home_of, press, settled, typed
from tests.support.web import read


async def told(app: ExplorerApp, pilot: Pilot[None]) -> str:
    """What is said once the file is written or refused."""
    for _ in range(200):
        notice = home_of(app).session.notice
        if notice and not notice.startswith("writing"):
            return notice
        await asyncio.sleep(0.02)
        await settled(pilot)
    raise AssertionError("nothing was said")


@pytest.mark.slow
async def test_it_writes_what_is_shown_as_a_page_or_a_picture(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L2N3")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "r", "f")  # by gate, raw signs
        await press(pilot, "X", "enter")
        assert await told(app, pilot) == f"{FOLDER}/L2N3.html is written"
        await press(pilot, "j", "d", "X")
        await typed(pilot, "svg\r")
        assert await told(app, pilot) == f"{FOLDER}/L2N4.svg is written"
    assert {path.name for path in Path(FOLDER).iterdir()} == {"L2N3.html", "L2N4.svg"}
    words = ["export", "html", "L2N3", "--single", "--rank-by", "gate", "--signs", "raw", "--db", str(hostile_index)]
    assert run([*words, "--out", "again.html"]) == 0
    pressed, typed_page = (read(Path(name).read_text("utf-8")) for name in (f"{FOLDER}/L2N3.html", "again.html"))
    assert pressed.one("main").text == typed_page.one("main").text
    assert (Path(FOLDER, "L2N4.svg")).read_text("utf-8").startswith("<svg ")


async def test_a_file_of_others_stays_and_the_notice_says_so(
    explorer_app: AppMaker,
) -> None:
    Path(FOLDER).mkdir()
    (Path(FOLDER, "L2N3.html")).write_text("mine")
    app = explorer_app("L2N3")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "X", "enter")
        assert "holds something else" in await told(app, pilot)
        await press(pilot, "X", "escape")
        assert len(app.screen_stack) == 2
    assert (Path(FOLDER, "L2N3.html")).read_text() == "mine"


@pytest.mark.slow
async def test_in_the_table_of_layers_it_writes_that_table(explorer_app: AppMaker) -> None:
    app = explorer_app("L2N3")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "O", "X")
        hints = app.screen.query_one(Hints)
        foot = " ".join(hints.render_line(row).text for row in range(hints.size.height))
        assert f"{FOLDER}/layers.svg is written" in foot
    drawn = Path(FOLDER, "layers.svg").read_text("utf-8")
    assert all(f">L{layer}</text>" in drawn for layer in range(4))
