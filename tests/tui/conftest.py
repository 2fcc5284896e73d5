"""Fixtures for the tests of the screens: an index with hostile text, and the explorer on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.reading.opening import Opened, Request, read_index
from gluscope_tui.tui.reading.thread import ReadingThread
from tests.support.index_fixture import make_index
from tests.support.walking import AppMaker
from tests.support.weights_fixture import with_weights

STAND_IN = (sys.executable, "-m", "tests.support.live_stand_in", "well")
"""The process beside the explorer, unless a test names another: no key starts a real model."""


@pytest.fixture(autouse=True, scope="session")
def short_pauses() -> Iterator[None]:
    """Textual's pilot looks every few milliseconds whether the explorer is idle, rather than every 20."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
        patch.setattr("textual._wait.SLEEP_IDLE", 0.0003)
        yield


@pytest.fixture(scope="session")
def hostile_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four layers of 40 neurons over text with control characters, markup and every script; a dead neuron too."""
    path = tmp_path_factory.mktemp("explorer") / "hostile.db"
    make_index(path, layers=4, width=40, documents=120, rankings=("post", "gate", "in", "act", "random"))
    return path


@pytest.fixture(scope="session")
def weighted_index(hostile_index: Path) -> Path:
    """The same index with weights for every neuron: promoted hostile tokens, nearest neurons."""
    return with_weights(hostile_index, hostile_index.with_name("weighted.db"))


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder and a working folder for one test, without the environment of the terminal that runs the tests."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("TMUX", "COLORFGBG", "NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


@pytest.fixture
def explorer_app(hostile_index: Path) -> Iterator[AppMaker]:
    """Makes explorers on the hostile index; their readers end with the test."""
    readers: list[ReadingThread[Opened]] = []
    apps: list[ExplorerApp] = []

    def make(
        neuron: str = "",
        *,
        depth: Depth = Depth.TRUE,
        theme: str = "dark",
        ascii_only: bool = False,
        server: Sequence[str] = STAND_IN,
        **more: object,
    ) -> ExplorerApp:
        request = SimpleNamespace(path=hostile_index, neuron=neuron, neurons=None, title="", notice="")
        request.__dict__.update(more)
        reading = read_index(Request(**vars(request)))
        readers.append(reading)
        reading.opened.exception()  # wait, so that the first paint is complete
        apps.append(ExplorerApp(reading, depth, theme=theme, ascii_only=ascii_only, server=server))
        return apps[-1]

    yield make
    for reading in {*readers, *(app.reading for app in apps)}:
        reading.stop()
        if reading.opened.exception() is None:
            reading.opened.result().index.close()
