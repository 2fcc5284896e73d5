"""Weights in a whole index: under either signs, in older indexes, after a kill, extended, in parts and merged."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import indexer
from indexer.database.format.schema import schema_sql
from indexer.database.records import NeuronWeights, TokenScore
from indexer.errors import GluscopeError
from indexer.jobs import index as job
from indexer.jobs.add_weights import add_weights
from indexer.jobs.index import index
from indexer.jobs.merge import merge
from indexer.run.accumulator import Run
from indexer.settings import Execution, Inputs, Settings
from indexer.weights.compute import model_weights
from tests.support.small_runs import LAYERS, WIDTH, make, save_model

TABLES = (
    *("weights", "weight_lists", "weight_sites", "wiring", "wiring_sites"),
    *("vocabulary_scores", "token_texts", "token_neurons"),
)
NEURONS = [f"L{layer}N{neuron}" for layer in range(LAYERS) for neuron in range(WIDTH)]


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("weights are computed")

    monkeypatch.setattr(job, "model_weights", fail)


def tables(db: Path, names: tuple[str, ...] = TABLES) -> dict[str, list[Any]]:
    with sqlite3.connect(db) as connection:
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def every(db: Path, signs: str) -> Iterator[NeuronWeights]:
    with indexer.open(db) as opened:
        for neuron in NEURONS:
            found = opened.weights(neuron, signs=signs)
            assert found is not None
            yield found


def negated(scores: tuple[TokenScore, ...]) -> tuple[TokenScore, ...]:
    return tuple(replace(score, score=-score.score) for score in scores)


@pytest.mark.slow
def test_a_model_with_negated_neurons_says_the_same_aligned_and_the_reverse_raw(
    model: Path, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    other = tmp_path / "model"
    shutil.copytree(model, other)
    weights = load_file(other / "model.safetensors")
    turned = range(0, WIDTH, 3)
    for layer in range(LAYERS):
        for neuron in turned:
            weights[f"model.layers.{layer}.mlp.up_proj.weight"][neuron] *= -1
            weights[f"model.layers.{layer}.mlp.down_proj.weight"][:, neuron] *= -1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    db = make(other, corpus, tmp_path / "y.db")
    assert list(every(db, "aligned")) == list(every(whole, "aligned"))
    for one, reverse in zip(every(whole, "raw"), every(db, "raw"), strict=True):
        if one.neuron.index not in turned:
            continue
        assert reverse.rw_class == one.rw_class
        assert reverse.cos_in_out == one.cos_in_out
        assert reverse.cos_gate_in == pytest.approx(-(one.cos_gate_in or 0))
        assert reverse.cos_gate_out == pytest.approx(-(one.cos_gate_out or 0))
        assert (reverse.promotes, reverse.suppresses) == (negated(one.suppresses), negated(one.promotes))
        assert reverse.reads_in.nearest == negated(one.reads_in.farthest)
        assert reverse.reads_in.farthest == negated(one.reads_in.nearest)
        assert reverse.reads_gate == one.reads_gate
        for old, new in zip(one.nearest_out, reverse.nearest_out, strict=True):
            sign = 1 if old.neuron.index in turned else -1
            assert (new.neuron, new.cosine) == (old.neuron, sign * old.cosine)


@pytest.mark.slow
def test_aligned_and_raw_differ_only_in_flipped_neurons_and_the_signs_of_their_neighbours(whole: Path) -> None:
    with indexer.open(whole) as opened:
        flips = {neuron: opened.neuron(neuron, rankings=()).flipped for neuron in NEURONS}
    assert 0 < sum(map(bool, flips.values())) < len(flips)
    for raw, aligned in zip(every(whole, "raw"), every(whole, "aligned"), strict=True):
        flipped = flips[raw.neuron.name]
        assert aligned.promotes == (negated(raw.suppresses) if flipped else raw.promotes)
        assert aligned.cos_gate_in == pytest.approx((-1 if flipped else 1) * (raw.cos_gate_in or 0))
        for one, other in zip(raw.nearest_in, aligned.nearest_in, strict=True):
            sign = 1 if flips[one.neuron.name] == flipped else -1
            assert (other.neuron, other.cosine) == (one.neuron, sign * one.cosine)


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_the_views_have_the_numbers_of_the_records(whole: Path, signs: str) -> None:
    names = ("cos_gate_in", "cos_in_out", "cos_gate_out", "norm_gate", "norm_in", "norm_out", "rw_class")
    with sqlite3.connect(whole) as connection:
        rows = connection.execute(f"SELECT neuron, {', '.join(names)} FROM neuron_{signs} ORDER BY id").fetchall()
    assert rows == [(found.neuron.name, *(getattr(found, name) for name in names)) for found in every(whole, signs)]


def older(db: Path, path: Path) -> Path:
    """The index as it was before there were weights: without their tables, columns and info, and without the tokens
    of a list."""
    shutil.copyfile(db, path)
    schema = schema_sql().replace(" LEFT JOIN weights AS w ON w.neuron = n.id", "")
    schema = re.sub(r",\n    w\.cos_gate_in.*?w\.rw_class", "", schema)
    schema = re.sub(r",\n    iif\(flipped, 0\.0 - cos_gate_in.*?rw_class", "", schema, flags=re.DOTALL)
    views = re.findall(r"^CREATE VIEW .*?;$", schema, re.MULTILINE | re.DOTALL)
    with sqlite3.connect(path) as connection:
        for view in ("neuron_aligned", "neuron_raw"):
            connection.execute(f"DROP VIEW {view}")
        for table in TABLES:
            connection.execute(f"DROP TABLE {table}")
        for view in views:
            connection.execute(view)
        connection.execute("DELETE FROM info WHERE key = 'weights'")
        used = {(score.token,) for found in every(db, "raw") for score in found.promotes}
        connection.executemany("DELETE FROM tokens WHERE id = ?", used)
    return path


def test_an_older_index_is_read_and_says_what_is_missing_and_how_to_add_it(whole: Path, tmp_path: Path) -> None:
    with indexer.open(older(whole, tmp_path / "old.db")) as opened:
        assert opened.weights("L0N0") is None
        record = opened.neuron("L0N0", rankings=(), weights=True)
        assert record.weights is None
        assert len(opened.site_rows(opened.sites[0].address)) == WIDTH
        said = opened.info().weights
    assert said["state"] == "missing"
    assert "gluscope index --weights-only MODEL --db FILE" in said["reason"]


def test_weights_only_adds_to_an_older_index_what_a_new_one_has(model: Path, whole: Path, tmp_path: Path) -> None:
    db = older(whole, tmp_path / "old.db")
    assert add_weights(str(model), db, Execution(), overwrite=False, progress=lambda _: None) == db
    names = (*TABLES, "neurons", "tokens", "neuron_raw", "neuron_aligned")
    assert tables(db, names) == tables(whole, names)
    assert list(every(db, "aligned")) == list(every(whole, "aligned"))
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]
    with indexer.open(db) as opened, indexer.open(whole) as fresh:
        assert opened.info().weights == fresh.info().weights
        assert opened.info().weights["state"] == "computed"


def test_weights_only_leaves_an_index_alone_that_has_them(model: Path, whole: Path, tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    shutil.copyfile(whole, db)
    before, told = db.read_bytes(), []
    add_weights(str(model), db, Execution(), overwrite=False, progress=lambda p: told.append(p.message))
    assert db.read_bytes() == before
    assert told == [f"{db} has its weights already, so {model} was not read; --overwrite computes them again"]
    add_weights(str(model), db, Execution(), overwrite=True, progress=lambda _: None)
    assert tables(db) == tables(whole)


def test_weights_only_refuses_another_model_by_name(whole: Path, tmp_path: Path) -> None:
    db = older(whole, tmp_path / "old.db")
    before = db.read_bytes()
    other = save_model(tmp_path / "other", seed=5)
    with pytest.raises(GluscopeError) as refused:
        add_weights(str(other), db, Execution(), overwrite=False, progress=lambda _: None)
    with indexer.open(db) as opened:
        made = opened.info().model
    assert f"{other} has other weights (" in refused.value.cause
    assert f"than {made['name']} ({made['fingerprint']}), which made {db}" in refused.value.cause
    assert db.read_bytes() == before


@pytest.mark.slow
def test_weights_can_be_left_out(model: Path, corpus: Path, whole: Path, tmp_path: Path, no_computing: None) -> None:
    del no_computing
    db = index(str(model), Inputs((str(corpus),)), tmp_path / "x.db", Settings(), Execution(weights=False))
    assert tables(db) == {name: [] for name in TABLES}
    with indexer.open(db) as opened:
        assert opened.weights("L0N0") is None
        assert opened.info().weights["state"] == "missing"
        assert "--weights-only" in opened.info().weights["reason"]
    assert tables(db, ("neurons", "packed")) == tables(whole, ("neurons", "packed"))


class Killed(BaseException):
    """An exception that nothing catches, like a kill."""


@pytest.mark.slow
def test_a_finished_index_without_weights_says_how_to_add_them(model: Path, corpus: Path, tmp_path: Path) -> None:
    inputs, db = Inputs((str(corpus),)), tmp_path / "x.db"

    def again(**execution: Any) -> list[str]:
        notices: list[str] = []
        chosen = Execution(compile="on", **execution)
        index(str(model), inputs, db, Settings(context=48), chosen, progress=lambda p: notices.append(p.message))
        return [notice for notice in notices if "nothing is left to do" in notice]

    assert not again(weights=False)  # it is made
    assert again(weights=False) == [f"{db} is finished: nothing is left to do"]
    assert again() == [
        f"{db} is finished: nothing is left to do, but it has nothing of the model's weights: "
        "gluscope index --weights-only MODEL --db FILE adds them"
    ]
    add_weights(str(model), db, Execution(), overwrite=False, progress=lambda _: None)
    assert again() == [f"{db} is finished: nothing is left to do"]


@pytest.mark.slow
def test_a_kill_while_weights_are_computed_loses_only_that_step(
    model: Path, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any) -> None:
        raise Killed

    def run_again(*_: Any) -> None:
        raise AssertionError("a batch is run again")

    with monkeypatch.context() as patch:
        patch.setattr(job, "model_weights", kill)
        with pytest.raises(Killed):
            make(model, corpus, tmp_path / "x.db")
    monkeypatch.setattr(Run, "process", run_again)
    db = make(model, corpus, tmp_path / "x.db")
    assert tables(db) == tables(whole)


@pytest.mark.slow
def test_an_extended_index_keeps_its_weights_without_computing_them_again(
    model: Path, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = make(model, corpus, tmp_path / "x.db", Settings(tokens=100))
    monkeypatch.setattr(job, "model_weights", None)
    make(model, corpus, db, Settings(tokens=100_000))
    assert tables(db) == tables(whole)
    assert list(every(db, "aligned")) == list(every(whole, "aligned"))


@pytest.mark.slow
def test_one_part_of_an_index_computes_weights_and_the_whole_has_them(
    model: Path, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []
    for number in (1, 2):
        execution = Execution(shard=f"{number}/2", compile="on")
        parts.append(index(str(model), Inputs((str(corpus),)), tmp_path / f"{number}.db", Settings(), execution))
        monkeypatch.setattr(job, "model_weights", None)  # the second has nothing to compute
    with indexer.open(parts[1]) as second:
        assert second.info().weights == {"state": "missing", "reason": "the first part of the index holds them"}
    for order in (parts, parts[::-1]):
        joined = merge(tmp_path / "all.db", order, lambda _: None, overwrite=True)
        assert tables(joined) == tables(whole)
        assert list(every(joined, "aligned")) == list(every(whole, "aligned"))


@pytest.mark.slow
def test_indexes_of_single_layers_join_to_what_one_of_all_has(
    model: Path, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    parts = [
        make(model, corpus, tmp_path / f"{layer}.db", Settings(layers=(layer,), batch_tokens=2048))
        for layer in range(LAYERS)
    ]
    with indexer.open(parts[1]) as second:
        found = second.weights("L1N3")
        assert found is not None
        assert {one.neuron.site.layer for one in found.nearest_out} == {0, 1}  # of the whole model
    joined = merge(tmp_path / "all.db", parts, lambda _: None)
    assert tables(joined) == tables(whole)
    with indexer.open(joined) as opened:
        assert opened.info().weights["state"] == "computed"


@pytest.mark.slow
def test_a_snapshot_says_that_weights_come_at_the_end(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def looking(*arguments: Any) -> Any:
        with indexer.open(tmp_path / "x.db") as snapshot:
            seen.append(snapshot.info().weights)
        return compute(*arguments)

    compute = model_weights
    monkeypatch.setattr(job, "model_weights", looking)
    execution = Execution(compile="on", checkpoint_every=0, snapshot=True)
    index(str(model), Inputs((str(corpus),)), tmp_path / "x.db", Settings(), execution)
    assert seen == [{"state": "missing", "reason": "they are computed when the run ends"}]
