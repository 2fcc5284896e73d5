"""Processes of torchrun make the same index as a single process; a process that dies loses only its time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.run import join_processes as distributed
from indexer.run.accumulator import Run
from indexer.run.shards import Shard
from indexer.run.torchrun import Group, find_group
from indexer.sequences.batches import Batch
from indexer.settings import Execution, Inputs, Settings

from ..support.long_runs import CutOff, cut_off
from ..support.outputs import SMALL, sampled, shown, told
from ..support.small_runs import make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]
OPTIONS = "--context 48 --batch-tokens 96 --sample 32 --top-k 4 --rank-by post,gate,in,act,random --compile off"


def torchrun(processes: int, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run(
        [*launcher, "--no-python", sys.executable, "-m", "gluscope_tui", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_make_the_index_of_one(tmp_path: Path) -> None:
    model, corpus = save_model(tmp_path / "model"), write_corpus(tmp_path / "texts.jsonl")
    whole = make(model, corpus, tmp_path / "whole.db", SMALL)
    db = tmp_path / "two.db"
    command = ["index", str(model), str(corpus), "--db", str(db), *OPTIONS.split()]
    done = torchrun(2, command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("is ready") == 1
    assert shown(db) == shown(whole)
    assert sampled(db) == sampled(whole)
    two, one = told(db), told(whole)
    assert two.complete
    assert two.coverage == one.coverage
    assert two.sites == one.sites
    assert not db.with_name("two.db.run").exists()


class Ranks:
    """Processes one after the other, so that each moment can be chosen."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model, self.corpus = save_model(folder / "model"), write_corpus(folder / "texts.jsonl")
        self.db = folder / "ranks.db"
        self.state = folder / "ranks.db.run"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(distributed, "wait", lambda _: None)

    def run(self, rank: int, size: int, settings: Settings = SMALL, *, overwrite: bool = False) -> None:
        group = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "localhost", "MASTER_PORT": 29500}
        for name, value in group.items():
            self._monkeypatch.setenv(name, str(value))
        self._index(settings, overwrite)

    def alone(self, settings: Settings = SMALL, *, overwrite: bool = False) -> None:
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            self._monkeypatch.delenv(name, raising=False)
        self._index(settings, overwrite)

    def _index(self, settings: Settings, overwrite: bool) -> None:
        execution = Execution(compile="on", checkpoint_every=0.0)
        index(str(self.model), Inputs((str(self.corpus),)), self.db, settings, execution, overwrite=overwrite)


@pytest.fixture
def ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ranks:
    return Ranks(tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3, 20])
def test_any_number_of_processes_makes_the_same_index(ranks: Ranks, tmp_path: Path, size: int) -> None:
    whole = make(ranks.model, ranks.corpus, tmp_path / "whole.db", SMALL)
    for rank in reversed(range(size)):
        ranks.run(rank, size)
    assert shown(ranks.db) == shown(whole)
    assert sampled(ranks.db) == sampled(whole)
    assert told(ranks.db).coverage == told(whole).coverage
    assert not ranks.state.exists()


@pytest.mark.slow
def test_a_process_that_died_goes_on_where_it_was_and_the_others_keep_their_part(
    ranks: Ranks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make(ranks.model, ranks.corpus, tmp_path / "whole.db", SMALL)
    cut_off(monkeypatch, after=3)
    with pytest.raises(CutOff):
        ranks.run(1, 2)
    with pytest.raises(GluscopeError, match="process 1 left no finished state"):
        ranks.run(0, 2)
    assert not ranks.db.exists()
    kept = sorted(path.name for path in ranks.state.iterdir())
    assert kept == ["gluscope", "rank-0", "rank-1"]
    processed: list[int] = []
    process = Run.process

    def watched(run: Run, batch: Batch) -> None:
        processed.append(batch.number)
        process(run, batch)

    monkeypatch.setattr(Run, "process", watched)
    ranks.run(1, 2)
    ranks.run(0, 2)
    batches = told(whole).coverage["batches"]
    assert processed == [number for number in range(5, batches) if number % 2 == 1]
    assert shown(ranks.db) == shown(whole)


@pytest.mark.slow
def test_another_number_of_processes_does_not_go_on_with_a_run(ranks: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks.run(1, 2)
    with pytest.raises(GluscopeError, match="begun with 2 processes, not 3"):
        ranks.run(1, 3)
    with pytest.raises(GluscopeError, match="begun by several processes"):
        ranks.alone()
    ranks.alone(overwrite=True)
    assert told(ranks.db).complete
    ranks.db.unlink()
    cut_off(monkeypatch, after=2)
    with pytest.raises(CutOff):
        ranks.alone()
    with pytest.raises(GluscopeError, match="begun by one process"):
        ranks.run(0, 2)


@pytest.mark.slow
def test_processes_extend_a_finished_index_as_one_does(ranks: Ranks, tmp_path: Path) -> None:
    shorter = replace(SMALL, tokens=300)
    make(ranks.model, ranks.corpus, tmp_path / "one.db", shorter)
    one = make(ranks.model, ranks.corpus, tmp_path / "one.db", SMALL)
    for settings in (shorter, SMALL):
        for rank in (2, 1, 0):
            ranks.run(rank, 3, settings)
    assert shown(ranks.db) == shown(one)
    assert told(ranks.db).coverage == told(one).coverage
    before = ranks.db.read_bytes()
    for rank in (1, 0):
        ranks.run(rank, 3)  # nothing is left
    assert ranks.db.read_bytes() == before
    assert not ranks.state.exists()


def test_a_shard_can_not_be_given_under_torchrun(ranks: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(GluscopeError, match="--shard"):
        index(str(ranks.model), Inputs((str(ranks.corpus),)), ranks.db, SMALL, Execution(shard="1/2"))


MASTER = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANK": "2", "WORLD_SIZE": "2", **MASTER}, "RANK is 2, but WORLD_SIZE is 2: ranks go from 0 to 1"),
        ({"RANK": "-1", "WORLD_SIZE": "2", **MASTER}, "RANK is -1"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "29500"}, "MASTER_ADDR is not set"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}, "MASTER_PORT is not set"),
    ],
)
def test_a_group_that_the_process_can_not_join_is_reported_before_any_work(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(GluscopeError, match=said) as error:
        find_group(environment)
    assert "torchrun" in error.value.fix


def test_a_group_is_read_from_the_environment() -> None:
    assert find_group({}) is None
    assert find_group({"RANK": "0", "WORLD_SIZE": "1"}) is None
    group = find_group({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", **MASTER})
    assert group == Group(5, 8, 1)
    assert group is not None
    assert group.shard == Shard(5, 8)
    assert group.device("cpu") == "cpu"
