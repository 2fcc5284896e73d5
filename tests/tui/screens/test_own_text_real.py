"""`t` and `T` with a real model, from the typed text to the list of neurons that stand out."""

from __future__ import annotations

from pathlib import Path

import pytest

import indexer
from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.reading.opening import Request, read_index
from gluscope_tui.tui.screens.standing import StandingScreen
from gluscope_tui.tui.widgets.table_title import TableTitle
from indexer.jobs.index import index
from indexer.settings import Execution, Inputs, Settings
from tests.support.real_models import smollm2_path
from tests.support.walking import here, home_of, press, settled, state_of

from .test_own_text import ask, until

pytestmark = [pytest.mark.real, pytest.mark.slow]

TEXT = "The capital of France is"


async def test_a_text_is_read_by_a_real_model(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(TEXT)
    settings = Settings(context=64, layers=(0, 29), top_k=2, sample=32)
    inputs = Inputs((str(tmp_path / "t.txt"),))
    db = index(str(smollm2_path()), inputs, tmp_path / "g.db", settings, Execution(compile="off", weights=False))
    reading = read_index(Request(db, "L29N676"))
    app = ExplorerApp(reading, Depth.TRUE)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await ask(pilot, app, TEXT)
        trying = home_of(app).session.trying
        read = trying.tried.read
        assert read is not None
        assert read.tokens[1:] == ("The", " capital", " of", " France", " is")
        values = trying.tried.values(state_of(app).neuron, "aligned")
        assert values is not None
        compared = 0
        with indexer.open(db) as opened:  # the text is the corpus: the same values, computed alike
            for quadrant, kept in opened.neuron("L29N676").quadrants.items():
                for example in kept.examples.get("post", ()):
                    assert values.quadrant[example.position] is quadrant
                    assert values.post[example.position] == pytest.approx(example.value, rel=1e-4)
                    compared += 1
        assert compared
        await press(pilot, "T")
        await until(pilot, lambda: isinstance(app.screen, StandingScreen) and app.screen.total == 200)
        assert "logit of « Paris»" in app.screen.query_one(TableTitle).render_line(0).text
        await press(pilot, "enter")
        assert here(app).startswith(("L29N", "L0N"))
    reading.stop()
