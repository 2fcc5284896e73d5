"""A tiny index with weights, and a server on loopback that gives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.database.remote import requests
from tests.support.index_fixture import make_index
from tests.support.range_server import RangeServer, serving
from tests.support.weights_fixture import with_searches


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wire")
    make_index(folder / "plain.db", layers=3, width=70, documents=14, length=24, sample=24)
    return with_searches(folder / "plain.db", folder / "tiny.db", ends=3, kinds=2, wires=2)


@pytest.fixture
def file(tiny: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    path = tmp_path / "tiny.db"
    path.write_bytes(tiny.read_bytes())
    return path


@pytest.fixture
def server(file: Path) -> Iterator[RangeServer]:
    with serving(file) as server:
        yield server


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's cache, nor his proxies and tokens; and no long pauses."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("GLUSCOPE_CACHE_LIMIT", "HF_HOME", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(requests, "_FIRST_PAUSE", 0.01)
