"""Indexes made apart and joined are the index of one run: every neuron's JSON is the same, byte for byte."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluscope_tui.cli.app import run as command_line
from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.jobs.merge import merge
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings

from ..support.outputs import SMALL, sampled, shown, told
from ..support.small_runs import TEXTS, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

SHARDS = 5


def silent(_: Progress) -> None:
    """Tell nobody."""


class Folder:
    """A model, a text, the index of both, and its shards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = save_model(path / "model")
        self.corpus = write_corpus(path / "texts.jsonl")
        self.whole = self.make("whole.db", SMALL)
        self.parts = [self.make(f"part-{i}.db", SMALL, shard=f"{i}/{SHARDS}") for i in range(1, SHARDS + 1)]
        self.shown = shown(self.whole)
        assert json.loads(self.shown)["found"]

    def make(self, name: str, settings: Settings, *, shard: str | None = None, corpus: Path | None = None) -> Path:
        inputs = Inputs((str(corpus or self.corpus),))
        return index(str(self.model), inputs, self.path / name, settings, Execution(compile="on", shard=shard))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("merge"))


@pytest.fixture
def out(folder: Folder) -> Callable[[], Path]:
    """Names of files that aren't there."""
    made = [0]

    def name() -> Path:
        made[0] += 1
        (path := folder.path / f"joined-{made[0]}.db").unlink(missing_ok=True)
        return path

    return name


@pytest.mark.slow
def test_a_part_says_what_it_covers(folder: Folder) -> None:
    whole, parts = told(folder.whole), [told(part) for part in folder.parts]
    assert whole.complete
    assert not any(part.complete for part in parts)
    assert [part.coverage["shard"] for part in parts] == [f"{i}/{SHARDS}" for i in range(1, SHARDS + 1)]
    numbers = [n for part in parts for run in part.coverage["cells"][0]["batches"] for n in range(*run)]
    assert sorted(numbers) == list(range(whole.coverage["batches"]))
    assert sum(part.coverage["cells"][0]["tokens"] for part in parts) == whole.corpus["tokens"]


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_shards_joined_in_any_order_and_nesting_are_the_whole(
    folder: Folder, out: Callable[[], Path], data: st.DataObject
) -> None:
    left = data.draw(st.permutations(folder.parts))
    while len(left) > 1:
        some = data.draw(st.integers(2, len(left)))
        left = data.draw(st.permutations([merge(out(), left[:some], silent), *left[some:]]))
    assert shown(left[0]) == folder.shown
    assert sampled(left[0]) == sampled(folder.whole)
    joined, whole = told(left[0]), told(folder.whole)
    assert joined.coverage == whole.coverage
    assert joined.telling_neuron == whole.telling_neuron
    for name in ("model", "corpus", "settings", "software", "sites", "complete"):
        assert getattr(joined, name) == getattr(whole, name), name


@pytest.mark.slow
def test_layers_indexed_apart_are_joined(folder: Folder, out: Callable[[], Path]) -> None:
    layers = [folder.make(f"layer-{n}.db", replace(SMALL, layers=(n,))) for n in (0, 1)]
    for order in permutations(layers):
        joined = merge(out(), order, silent)
        assert shown(joined) == folder.shown
        info = told(joined)
        assert info.complete
        assert info.settings == told(folder.whole).settings
    with sqlite3.connect(joined) as database:
        assert database.execute("SELECT count(*) FROM samples").fetchall() == [(1,)]


@pytest.mark.slow
def test_cells_that_form_no_rectangle_are_joined_site_by_site(folder: Folder, out: Callable[[], Path]) -> None:
    first = folder.make("first.db", replace(SMALL, layers=(0,)), shard="1/2")
    second = folder.make("second.db", replace(SMALL, layers=(0,)), shard="2/2")
    other = folder.make("other.db", replace(SMALL, layers=(1,)), shard="1/2")
    last = folder.make("last.db", replace(SMALL, layers=(1,)), shard="2/2")
    three = merge(out(), [other, second, first], silent)
    info = told(three)
    assert not info.complete
    assert [(cell["sites"], cell["count"]) for cell in info.coverage["cells"]] == [
        (["L0"], info.coverage["batches"]),
        (["L1"], (info.coverage["batches"] + 1) // 2),
    ]
    assert shown(merge(out(), [last, three], silent)) == folder.shown


@pytest.mark.slow
def test_without_folding_and_with_lists_that_never_fill(folder: Folder, out: Callable[[], Path]) -> None:
    for number, chosen in enumerate(
        (
            replace(SMALL, duplicates="keep"),
            replace(SMALL, top_k=300, sample=5000, window=(2, 50)),
            replace(SMALL, rank_by=("random",), sample=0, count_first=True),
        )
    ):
        whole = folder.make(f"whole-{number}.db", chosen)
        parts = [folder.make(f"part-{number}-{i}.db", chosen, shard=f"{i}/3") for i in (1, 2, 3)]
        joined = merge(out(), [parts[2], parts[0], parts[1]], silent)
        assert shown(joined) == shown(whole)
        assert sampled(joined) == sampled(whole)


@pytest.mark.slow
def test_more_shards_than_batches_leave_empty_parts_that_can_be_joined(folder: Folder, out: Callable[[], Path]) -> None:
    many = told(folder.whole).coverage["batches"] + 2
    parts = [folder.make(f"many-{i}.db", SMALL, shard=f"{i}/{many}") for i in range(1, many + 1)]
    assert told(parts[-1]).coverage["cells"][0]["count"] == 0
    assert shown(parts[-1])
    assert shown(merge(out(), parts[::-1], silent)) == folder.shown


@pytest.mark.slow
def test_what_is_no_longer_used_is_left_out(folder: Folder, out: Callable[[], Path]) -> None:
    chosen = replace(SMALL, top_k=1, rank_by=("post",), sample=1)
    whole = folder.make("few.db", chosen)
    joined = merge(out(), [folder.make(f"few-{i}.db", chosen, shard=f"{i}/4") for i in (4, 2, 3, 1)], silent)
    for table in ("sequences", "documents", "tokens", "sample_positions", "packed"):
        rows = []
        for path in (whole, joined):
            with sqlite3.connect(path) as database:
                rows.append(database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall())
        assert rows[0] == rows[1], table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "words"),
    [
        (["part-1.db"], "nothing to join"),
        (["part-1.db", "part-1.db"], "both hold L0 of batch 0, 5"),
        (["whole.db", "part-2.db"], "both hold L0 of batch 1, 6"),
        (["part-1.db", "seed.db"], "--seed 0, not 7"),
        (["part-1.db", "weights.db"], "other weights"),
        (["part-1.db", "text.db"], "other text"),
        (["part-1.db", "gone.db"], "there is no index"),
        (["part-1.db", "texts.jsonl"], "is no index"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_difference_named(
    folder: Folder, out: Callable[[], Path], which: list[str], words: str
) -> None:
    if "seed.db" in which:
        folder.make("seed.db", replace(SMALL, seed=7), shard="2/5")
    if "text.db" in which:
        changed = write_corpus(folder.path / "changed.jsonl", [*TEXTS, "more"])
        folder.make("text.db", SMALL, shard="2/5", corpus=changed)
    if "weights.db" in which:
        make(save_model(folder.path / "other", seed=1), folder.corpus, folder.path / "weights.db", SMALL)
    path = out()
    with pytest.raises(GluscopeError, match=words):
        merge(path, [folder.path / name for name in which], silent)
    assert not path.exists()
    assert not path.with_name(path.name + ".run").exists()


@pytest.mark.parametrize("left", ["identity.json", "checkpoint.json", "rank-0/checkpoint.json"])
def test_an_unfinished_part_is_refused(folder: Folder, out: Callable[[], Path], left: str) -> None:
    file = folder.path / "part-1.db.run" / left
    file.parent.mkdir(parents=True)
    file.touch()
    try:
        with pytest.raises(GluscopeError, match=r"part-1\.db is not finished"):
            merge(out(), folder.parts, silent)
    finally:
        shutil.rmtree(folder.path / "part-1.db.run")


def test_what_a_killed_merge_or_weighing_left_is_not_an_unfinished_run(folder: Folder, out: Callable[[], Path]) -> None:
    path = out()
    left = [file.with_name(file.name + ".run") for file in (folder.parts[1], path)]
    for beside in left:
        beside.mkdir()
        (beside / "lock").touch()
        (beside / "index.db").write_bytes(b"half of it")
        (beside / "index.db-journal").write_bytes(b"and how to take it back")
    merge(path, folder.parts, silent)
    assert not left[1].exists()
    shutil.rmtree(left[0])


def test_an_index_of_another_schema_version_is_refused(folder: Folder, out: Callable[[], Path]) -> None:
    newer = folder.path / "newer.db"
    newer.write_bytes(folder.parts[0].read_bytes())
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(GluscopeError, match="schema version 99"):
        merge(out(), [newer, folder.parts[1]], silent)


@pytest.mark.slow
def test_the_command_joins_and_replaces_only_when_told_to(
    folder: Folder, out: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = out()
    names = [str(part) for part in folder.parts]
    assert command_line(["merge", str(path), *names[:2]]) == 0
    assert "not complete" in capsys.readouterr().err
    assert command_line(["info", str(path), "-f", "plain"]) == 0
    assert "index.complete\tfalse" in capsys.readouterr().out
    assert command_line(["show", "L0N1", "--db", str(path)]) == 0
    assert "tokens" in capsys.readouterr().err
    before = path.read_bytes()
    assert command_line(["merge", str(path), str(path), *names[2:]]) == 2
    assert "already exists" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert command_line(["merge", "--overwrite", str(path), str(path), *names[2:]]) == 0
    assert capsys.readouterr().out == ""
    assert shown(path) == folder.shown
