"""Indexes to export: one with weights, one with experts and both stacks and an activation without a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.addresses import SiteAddress
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_weights


@pytest.fixture(scope="package")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exchange")
    make_index(folder / "plain.db", rankings=("post", "gate", "in", "act", "random"))
    return with_weights(folder / "plain.db", folder / "tiny.db")


@pytest.fixture(scope="package")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "odd.db"
    sites = [SiteAddress("dec", 1), SiteAddress("enc", 1), SiteAddress("", 0, 3), SiteAddress("", 0, None, True)]
    make_index(path, sites=sites, width=4, activation="unknown_sine", weights_known=False)
    return path
