"""Wiring in a whole index: left out, added later, kept and completed when an index grows or is joined."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import indexer
from indexer.jobs import add_weights as adding
from indexer.jobs import index as job
from indexer.jobs.add_weights import add_weights
from indexer.jobs.index import index
from indexer.jobs.merge import merge
from indexer.settings import Execution, Inputs, Settings
from tests.support.small_runs import LAYERS, make

HOW = "gluscope index --weights-only MODEL --db FILE adds it"


def without(model: Path, corpus: Path, db: Path, settings: Settings | None = None) -> Path:
    execution = Execution(compile="on", wiring=False)
    return index(str(model), Inputs((str(corpus),)), db, settings or Settings(), execution)


def wiring(db: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(db) as connection:
        found = {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
            for name in ("wiring", "wiring_sites", "weights", "weight_lists", "token_neurons")
        }
    connection.close()
    return found


def state(db: Path) -> dict[str, Any]:
    with indexer.open(db) as opened:
        return dict(opened.info().wiring)


def add(model: Path, db: Path, **more: Any) -> list[str]:
    told: list[str] = []
    overwrite = more.pop("overwrite", False)
    add_weights(str(model), db, Execution(**more), overwrite=overwrite, progress=lambda p: told.append(p.message))
    return told


@pytest.mark.slow
def test_a_whole_index_has_wiring_of_every_neuron(whole: Path) -> None:
    assert state(whole) == {"state": "computed", "reason": None}
    with indexer.open(whole) as opened:
        for site in opened.sites:
            found = opened.weights(f"{site.address}N3")
            assert found is not None
            assert found.wiring is not None
            layer = site.address.layer
            assert {one.neuron.site.layer for one in found.wiring.fed_in} <= set(range(layer))
            assert {one.neuron.site.layer for one in found.wiring.feeds_gate} <= set(range(layer + 1, LAYERS))
            assert bool(found.wiring.fed_gate) == (layer > 0)
            assert bool(found.wiring.feeds_in) == (layer < LAYERS - 1)


@pytest.mark.slow
def test_wiring_left_out_is_added_alone_and_is_the_same(
    model: Path, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = without(model, corpus, tmp_path / "x.db")
    assert state(db) == {"state": "missing", "reason": f"left out; {HOW}"}
    assert wiring(db) == {**wiring(whole), "wiring": [], "wiring_sites": []}
    assert "already" in add(model, db, wiring=False)[0]
    monkeypatch.setattr(adding, "model_weights", None)
    add(model, db)
    assert wiring(db) == wiring(whole)
    assert state(db) == state(whole)
    assert "already" in add(model, db)[0]


@pytest.mark.slow
def test_wiring_is_added_to_an_older_index_and_kept_where_it_is_not_to_be_computed(
    model: Path, whole: Path, tmp_path: Path
) -> None:
    db = tmp_path / "old.db"
    db.write_bytes(whole.read_bytes())
    with sqlite3.connect(db) as connection:
        connection.execute("DROP TABLE wiring")
        connection.execute("DROP TABLE wiring_sites")
        connection.execute("DELETE FROM info WHERE key = 'wiring'")
    connection.close()
    assert state(db) == {"state": "missing", "reason": f"made by an older gluscope; {HOW}"}
    add(model, db)
    assert wiring(db) == wiring(whole)
    add(model, db, wiring=False, overwrite=True)
    assert wiring(db) == wiring(whole)


@pytest.mark.slow
def test_a_finished_index_says_how_to_add_wiring(model: Path, corpus: Path, tmp_path: Path) -> None:
    db = without(model, corpus, tmp_path / "x.db")

    def again(**execution: Any) -> str:
        told: list[str] = []
        chosen = Execution(compile="on", **execution)
        index(str(model), Inputs((str(corpus),)), db, Settings(), chosen, progress=lambda p: told.append(p.message))
        return next(message for message in told if "nothing is left to do" in message)

    assert again(wiring=False) == f"{db} is finished: nothing is left to do"
    assert again() == f"{db} is finished: nothing is left to do, but it has no wiring of neurons: {HOW}"


@pytest.mark.slow
def test_an_index_that_grows_keeps_its_numbers_and_gets_the_wiring_that_it_lacks(
    model: Path, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = without(model, corpus, tmp_path / "x.db", Settings(tokens=100))
    monkeypatch.setattr(job, "model_weights", None)
    make(model, corpus, db, Settings(tokens=100_000))
    assert wiring(db) == wiring(whole)
    assert state(db) == state(whole)


@pytest.mark.slow
def test_joined_layers_have_the_wiring_of_the_whole_model_or_say_what_is_missing(
    model: Path, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    parts = [
        make(model, corpus, tmp_path / f"{layer}.db", Settings(layers=(layer,), batch_tokens=2048))
        for layer in range(LAYERS - 1)
    ]
    last = Settings(layers=(LAYERS - 1,), batch_tokens=2048)
    bare = without(model, corpus, tmp_path / "bare.db", last)
    joined = merge(tmp_path / "all.db", [*parts, make(model, corpus, tmp_path / "last.db", last)], lambda _: None)
    assert wiring(joined) == wiring(whole)
    assert state(joined) == state(whole)
    partly = merge(tmp_path / "partly.db", [*parts, bare], lambda _: None)
    name = f"L{LAYERS - 1}"
    assert state(partly) == {"state": "partly", "reason": f"not of {name}; {HOW}"}
    with indexer.open(partly) as opened:
        one, other = (opened.weights(f"{site}N0") for site in ("L0", name))
        assert one is not None
        assert other is not None
        assert one.wiring is not None
        assert other.wiring is None
    add(model, partly)
    assert wiring(partly) == wiring(whole)
