"""The Parquet files hold what `show -f json` and `neurons` print, for every kind of index."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gluscope_tui.cli.app import run
from indexer.database.format.columns import COLUMNS
from indexer.exchange.parquet import CONTEXT_TYPES
from indexer.exchange.parquet_readme import meaning
from tests.support.disk import file_size_limit


def tables(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    neurons, contexts = (pq.read_table(folder / f"{name}.parquet") for name in ("neurons", "contexts"))
    return neurons.to_pylist(), contexts.to_pylist()


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert run(list(words)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_the_tables_hold_what_the_other_commands_print(
    index: Path, tmp_path: Path, signs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    db = ["--db", str(index), "--signs", signs]
    assert run(["export", "parquet", str(tmp_path / "out"), "L0N3", "L1N4", "L0N2", *db]) == 0
    neurons, contexts = tables(tmp_path / "out")
    rows = shown(capsys, "neurons", "-n", "0", "--columns", "all", "-f", "json", *db)
    by_name = {row["neuron"]: row for row in rows}
    assert [row["neuron"] for row in neurons] == ["L0N3", "L1N4", "L0N2"]
    for row in neurons:
        assert set(row) == set(by_name[row["neuron"]])
        for name, value in row.items():
            expected = by_name[row["neuron"]][name]
            assert value == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected), name
    expected_contexts = [
        (one["neuron"], quadrant, ranking, example)
        for one in shown(capsys, "show", "L0N3", "L1N4", "L0N2", "-f", "json", *db)
        for quadrant, found in one["quadrants"].items()
        for ranking, examples in found["examples"].items()
        for example in examples
    ]
    assert len(contexts) == len(expected_contexts) > 100
    for row, (neuron, quadrant, ranking, example) in zip(contexts, expected_contexts, strict=True):
        assert (row["neuron"], row["quadrant"], row["ranking"]) == (neuron, quadrant, ranking)
        for name, value in example.items():
            if name in ("gate", "in", "act", "post"):  # JSON rounds to four digits
                for one, other in zip(row[name], value, strict=True):
                    assert one == other or one == pytest.approx(other, rel=6e-4)
            else:
                assert row[name] == value


@pytest.mark.slow
def test_the_readme_names_every_column_of_both_tables(index: Path, tmp_path: Path) -> None:
    assert run(["export", "parquet", str(tmp_path / "out"), "--where", "index = 0", "--db", str(index)]) == 0
    readme = (tmp_path / "out" / "README.md").read_text("utf-8")
    names = [*pq.read_schema(tmp_path / "out" / "neurons.parquet").names, *CONTEXT_TYPES]
    assert [name for name in names if f"`{name}`" not in readme] == []
    assert all(meaning(name) for name in COLUMNS)


@pytest.mark.slow
def test_every_kind_of_index_is_exported_whole(odd: Path, tmp_path: Path) -> None:
    assert run(["export", "parquet", "--out", str(tmp_path / "out"), "--db", str(odd)]) == 0
    neurons, contexts = tables(tmp_path / "out")
    assert {row["site"] for row in neurons} == {"dec.L1", "enc.L1", "L0E3", "L0S"}
    assert {row["flipped"] for row in neurons} == {None}
    assert len({row["neuron"] for row in contexts}) > 10
    with sqlite3.connect(odd) as connection:
        assert len(neurons) == connection.execute("SELECT count(*) FROM neurons").fetchone()[0]
    connection.close()


def test_what_an_unfinished_index_gives_says_so(index: Path, tmp_path: Path) -> None:
    part = Path(shutil.copy(index, tmp_path / "part.db"))
    with sqlite3.connect(part) as connection:
        connection.execute("UPDATE info SET value = 'false' WHERE key = 'complete'")
    connection.close()
    for kind, file in (("parquet", "README.md"), ("neuronpedia", "simulated/0-gluscope-pp/sourceset.jsonl")):
        for db, unfinished in ((index, False), (part, True)):
            assert run(["export", kind, str(tmp_path / kind), "L0N1", "--db", str(db)]) == 0
            told = (tmp_path / kind / file).read_text("utf-8")
            assert ("The index is not finished" in told) is unfinished


def test_a_full_disk_leaves_nothing(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("parquet", "gluscope", "neuronpedia"):
        with file_size_limit(1000):
            assert run(["export", kind, str(tmp_path / "out"), "--db", str(index)]) == 2
        assert "the disk is full" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_is_refused_first(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for kind in ("parquet", "gluscope", "neuronpedia", "html", "svg"):
        assert run(["export", kind, "--out", str(tmp_path), "L0N1", "--db", str(index)]) == 2
        assert "holds something else: 'mine.txt'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
