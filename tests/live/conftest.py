"""A small model and its index, shared by the tests of a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.settings import Settings

from ..support.small_runs import make, make_odd, save_model, write_corpus

SETTINGS = Settings(context=48, batch_tokens=1, top_k=3)


@pytest.fixture(scope="module")
def live_index(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:  # noqa: ARG001
    """The index of a tiny Llama, every sequence a batch of its own, computed in one thread."""
    folder = tmp_path_factory.mktemp("live")
    corpus = write_corpus(folder / "t.jsonl")
    return make(save_model(folder / "model"), corpus, folder / "g.db", SETTINGS, compile="off")


@pytest.fixture(scope="session")
def odd_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a tiny Llama with neurons that never visit some quadrants: see `make_odd`."""
    folder = tmp_path_factory.mktemp("odd")
    model = make_odd(save_model(folder / "model"))
    return make(model, write_corpus(folder / "t.jsonl"), folder / "g.db", SETTINGS, compile="off")
