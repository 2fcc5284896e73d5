"""A small model, a corpus and their whole index, for the modules whose tests only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_runs import make, save_model, write_corpus


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "c.jsonl")


@pytest.fixture(scope="module")
def whole(model: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(model, corpus, tmp_path_factory.mktemp("whole") / "x.db")
