"""All neurons as one table: the same values as the records and the views, in the order asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.database.format.columns import COLUMNS
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, QUANTITIES
from tests.support.index_fixture import Truth, make_index

STATISTICS = [name for name, column in COLUMNS.items() if column.table in ("n", "s")]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=3, width=14, documents=20)


@pytest.fixture
def index(truth: Truth) -> Iterator[Index]:
    with Index(truth.path) as opened:
        yield opened


def _view(path: Path, signs: str, columns: list[str]) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{name}"' for name in columns)
    return sqlite3.connect(path).execute(f"SELECT {names} FROM neuron_{signs} ORDER BY id").fetchall()


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_every_column_agrees_with_the_view(truth: Truth, index: Index, signs: str) -> None:
    assert list(index.rows(STATISTICS, signs=signs)) == _view(truth.path, signs, STATISTICS)


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_every_column_agrees_with_the_record(index: Index, signs: str) -> None:
    for row in index.rows(STATISTICS, signs=signs):
        values = dict(zip(STATISTICS, row, strict=True))
        record = index.neuron(values["neuron"], signs=signs, rankings=())
        assert values["zero"] == record.zero
        assert values["tokens_counted"] == record.tokens_counted
        assert bool(values["flipped"]) == record.flipped
        for quadrant in QUADRANTS:
            one = record.quadrants[quadrant]
            assert values[f"count_{quadrant.letters}"] == one.count
            assert values[f"frequency_{quadrant.letters}"] == one.frequency
            for quantity in QUANTITIES:
                assert values[f"extreme_{quantity}_{quadrant.letters}"] == one.extreme[quantity]
                assert values[f"mean_{quantity}_{quadrant.letters}"] == pytest.approx(one.mean[quantity], rel=1e-6)


@pytest.mark.parametrize("column", ["extreme_post_np", "mean_in_pn", "count_pp", "layer", "frequency_nn"])
@pytest.mark.parametrize("descending", [True, False])
def test_rows_are_sorted_with_those_that_lack_the_column_last(index: Index, column: str, descending: bool) -> None:
    every = list(index.rows(["neuron", column]))
    there = [row for row in every if row[1] is not None]
    expected = sorted(there, key=lambda row: row[1], reverse=descending)  # stable, but reverse keeps equal ones too
    expected += [row for row in every if row[1] is None]
    assert list(index.rows(["neuron", column], sort=column, descending=descending)) == expected
    assert list(index.rows(["neuron", column], sort=column, descending=descending, limit=5, offset=7)) == expected[7:12]


def test_rows_are_sorted_by_arithmetic_and_by_address(index: Index) -> None:
    found = list(index.rows(["dot_gate_in"], sort="abs(dot_gate_in)"))
    assert found == sorted(found, key=lambda row: -abs(row[0]))
    names = [row[0] for row in index.rows(["neuron"])]
    assert [row[0] for row in index.rows(["neuron"], sort="neuron", descending=False)] == names
    assert [row[0] for row in index.rows(["neuron"], sort="neuron")] == names[::-1]


def test_any_page_of_an_order_can_be_read(index: Index) -> None:
    order = index.table.order("layer > 0", "extreme_post_pp")
    expected = list(index.rows(["neuron", "extreme_post_pp"], where="layer > 0", sort="extreme_post_pp"))
    assert len(order) == len(expected) == index.count("layer > 0") == 28
    for start in (0, 9, 27):
        page = index.table.rows_of(order[start : start + 4], ["neuron", "extreme_post_pp"])
        assert list(page) == expected[start : start + 4]
    assert list(index.table.rows_of([], ["neuron"])) == []


@pytest.mark.slow
def test_more_rows_than_a_query_takes(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "wide.db", layers=1, width=1100, documents=3, length=12, sample=4, top_k=1)
    with Index(truth.path) as index:
        found = list(index.rows(["index", "dot_gate_in"], sort="dot_gate_in"))
        assert found == sorted(index.rows(["index", "dot_gate_in"]), key=lambda row: (-row[1], row[0]))
        assert len(found) == 1100


def test_unknown_columns_name_the_nearest(index: Index) -> None:
    with pytest.raises(GluscopeError, match=r"'frequency_pq'\ndid you mean frequency_p[pn]"):
        index.rows(["frequency_pq"])
    with pytest.raises(GluscopeError, match="did you mean extreme_post_pp"):
        index.rows(["neuron"], sort="extreme_pst_pp")
    with pytest.raises(GluscopeError, match="unknown signs"):
        index.rows(["neuron"], signs="odd")


def test_an_index_without_weights_says_how_to_add_them(index: Index) -> None:
    assert not index.table.has_weights
    for ask in (
        lambda: index.rows(["cos_in_out"]),
        lambda: index.rows(["neuron"], where="cos_in_out < 0"),
        lambda: index.rows(["neuron"], sort="norm_out"),
        lambda: index.count("rw_class is null"),
    ):
        with pytest.raises(GluscopeError, match="--weights-only"):
            ask()


def _give_weights(path: Path) -> None:
    sqlite = sqlite3.connect(path)
    rows = sqlite.execute("SELECT id FROM neurons").fetchall()
    sqlite.executemany(
        "INSERT INTO weights VALUES (?, ?, ?, ?, 1, 2, 3, ?)",
        (
            (id_, 0.1 + id_ / 100, id_ / 50 - 0.4, 0.2, "weakening" if id_ % 3 else "atypical strengthening")
            for (id_,) in rows
        ),
    )
    sqlite.commit()


@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_columns_of_the_weights_follow_the_signs_as_the_view_says(tmp_path: Path, signs: str) -> None:
    truth = make_index(tmp_path / "a.db", layers=2, width=10, documents=10)
    _give_weights(truth.path)
    names = ["neuron", *(name for name, column in COLUMNS.items() if column.table == "w")]
    with Index(truth.path) as index:
        assert list(index.rows(names, signs=signs)) == _view(truth.path, signs, names)
        flipped: dict[str, int] = dict(index.rows(["neuron", "flipped"]))
        for neuron, cosine in index.rows(["neuron", "cos_gate_in"], signs=signs):
            assert (cosine < 0) == (signs == "aligned" and flipped[neuron] == 1)
        found = [row[0] for row in index.rows(["rw_class"], where="rw_class like 'atypical%'", limit=2)]
        assert found == ["atypical strengthening"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_a_layer_tells_the_means_and_numbers_of_its_neurons(tmp_path: Path, signs: str) -> None:
    truth = make_index(tmp_path / "a.db", layers=2, width=15, documents=20)
    _give_weights(truth.path)
    names = ["site", "frequency_gate_positive", "rw_class", *(f"frequency_{q.letters}" for q in QUADRANTS)]
    with Index(truth.path) as index:
        rows = list(index.rows(names, signs=signs))
        layers = index.layers(signs=signs)
    assert [layer.site.name for layer in layers] == ["L0", "L1"]
    for layer in layers:
        own = [row for row in rows if row[0] == layer.site.name]
        assert layer.neurons == len(own) == 15
        assert layer.gate_positive == pytest.approx(sum(row[1] for row in own) / 15)
        assert layer.mostly_open == sum(row[1] > 0.5 for row in own)
        for place, quadrant in enumerate(QUADRANTS, 3):
            assert layer.frequency[quadrant] == pytest.approx(sum(row[place] for row in own) / 15)
            assert layer.never[quadrant] == sum(row[place] == 0 for row in own)
        assert layer.classes is not None
        assert layer.classes["weakening"] == sum(row[2] == "weakening" for row in own)
        atypical = sum(row[2] == "atypical strengthening" for row in own)
        assert layer.classes["atypical strengthening"] == layer.atypical == atypical == 5
        assert layer.classes["strengthening"] == 0
        assert sum(layer.classes.values()) == 15


def test_a_layer_without_weights_has_no_classes(index: Index) -> None:
    assert [(layer.classes, layer.atypical) for layer in index.layers()] == [(None, None)] * 3


def test_a_quadrant_in_a_name_may_be_written_with_signs(index: Index) -> None:
    for sign, letters in (("++", "pp"), ("+-", "pn"), ("-+", "np"), ("--", "nn")):
        plain = list(index.rows((f"count_{letters}",), where=f"frequency_{letters} > 0.1", sort=f"mean_post_{letters}"))
        assert plain
        signs = index.rows((f"count_{sign}",), where=f"frequency_{sign}>0.1", sort=f"mean_post_{sign}")
        assert list(signs) == plain
        assert index.count(f"frequency_{sign}-0.1 > 0") == index.count(f"frequency_{letters} > 0.1")
        assert index.count(f"1--frequency_{letters} > 1") == index.count(f"frequency_{letters} > 0")
