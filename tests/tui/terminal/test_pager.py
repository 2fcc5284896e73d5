"""The pager: an unusable setting gives a notice, not a crash."""

from __future__ import annotations

import pytest

from tests.support.walking import AppMaker, home_of, press


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pager", "words"),
    [("less '", "$PAGER can't be read"), ('"', "$PAGER can't be read"), ("less \\", "$PAGER can't be read")],
)
async def test_an_unreadable_pager_setting_is_reported(
    explorer_app: AppMaker, monkeypatch: pytest.MonkeyPatch, pager: str, words: str
) -> None:
    monkeypatch.setenv("PAGER", pager)
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "o")
        assert words in home_of(app).session.notice
        assert app.is_running
