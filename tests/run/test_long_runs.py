"""Long runs lose nothing: snapshots, memory that runs out, inputs that vanish, disks that fill up."""

from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from gluscope_tui.cli.app import run as command_line
from indexer.errors import GluscopeError
from indexer.index_file import write
from indexer.jobs import index as job
from indexer.jobs.merge import merge
from indexer.run import checkpoint
from indexer.run.accumulator import Run
from indexer.run.loop import Loop
from indexer.sequences.batches import Batch
from indexer.statistics.activations import Activations
from indexer.statistics.batch import BatchView
from indexer.statistics.deferred import Steps
from indexer.statistics.placement import Routing
from indexer.statistics.stack import Stack

from ..support.long_runs import CutOff, Folder, close, cut_off, numbers
from ..support.outputs import SMALL, shown, told
from ..support.small_runs import TEXTS, WIDTH

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.slow
def test_a_continued_run_reports_its_own_speed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(monkeypatch, after=10)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0)
    clock = count()
    monkeypatch.setattr("indexer.progress.time.monotonic", lambda: float(next(clock)))  # a second a look
    folder.make("cut.db", checkpoint_every=0.0)
    assert folder.rates
    assert SMALL.batch_tokens is not None
    assert max(folder.rates) <= SMALL.batch_tokens  # no batch is larger, and each took a second or more


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2, 3])
def test_what_is_done_ends_at_what_was_to_be_done(folder: Folder, shards: int) -> None:
    for number in range(1, shards + 1):
        db = folder.make(f"{number}.db", shard=f"{number}/{shards}" if shards > 1 else None)
        own = told(db).coverage["cells"][0]["tokens"]
        assert folder.told[-1] == (own, own)
        assert all(total is not None and done <= total for done, total in folder.told)
    more = folder.make("more.db", replace(SMALL, tokens=100))
    before = told(more).coverage["cells"][0]["tokens"]
    folder.make("more.db")
    whole = told(more).coverage["cells"][0]["tokens"]
    assert folder.told[-1] == (whole, whole)
    assert before < folder.told[0][0] <= (folder.told[0][1] or 0)


# Interruptions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("indexer.jobs.prepare.find_sites", "stopped; nothing was kept"),
        (
            "indexer.jobs.index.model_weights",
            "stopped; all {} tokens are read and kept. Run the same command to",
        ),
        (
            "indexer.jobs.index.write_index",
            "stopped; all {} tokens are read and kept. Run the same command to",
        ),
    ],
)
def test_an_interrupted_command_says_what_is_kept_and_goes_on(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, kept: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    whole, db = folder.make("whole.db"), folder.path / "x.db"
    arguments = ["index", str(folder.model), str(folder.corpus), "--db", str(db), "--context", str(SMALL.context)]
    with monkeypatch.context() as patch:
        patch.setattr(place, interrupted)
        assert command_line(arguments) == 130
    tokens = told(whole).coverage["cells"][0]["tokens"]
    assert capsys.readouterr().err.splitlines()[-1].startswith(kept.format(f"{tokens:,}"))
    assert not db.exists()
    assert command_line(arguments) == 0
    assert ("continuing after" in capsys.readouterr().err) == ("{}" in kept)
    assert told(db).complete


@pytest.mark.slow
def test_an_interrupted_command_that_goes_on_from_an_index_leaves_it_as_it_was(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    db = folder.make("a.db")
    before = db.read_bytes()
    monkeypatch.setattr("indexer.jobs.add_weights.load", interrupted)
    assert command_line(["index", "--weights-only", str(folder.model), "--db", str(db), "--overwrite"]) == 130
    assert f"stopped; {db} is unchanged" in capsys.readouterr().err
    monkeypatch.setattr("indexer.jobs.prepare.load", interrupted)
    assert command_line(["index", str(folder.model), str(folder.corpus), "--db", str(db), "--overwrite"]) == 130
    assert f"stopped; {db} is unchanged" in capsys.readouterr().err
    assert db.read_bytes() == before


@pytest.mark.slow
def test_a_run_that_is_to_stop_in_its_last_batch_keeps_all_that_was_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.make("whole.db")
    run, asked = Loop.run, [True]

    def interrupted(loop: Loop) -> None:
        run(loop)
        loop._stop.asked = asked[0]

    monkeypatch.setattr(Loop, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.make("stopped.db")
    tokens = json.loads((folder.path / "stopped.db.run" / "checkpoint.json").read_text())["mark"]["tokens"]
    assert tokens == told(whole).coverage["cells"][0]["tokens"]
    asked[0] = False
    assert shown(folder.make("stopped.db")) == shown(whole)


# Snapshots


@pytest.mark.slow
def test_a_snapshot_can_be_read_and_says_how_far_it_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = folder.make("whole.db")
    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0, snapshot=True)
    db = folder.path / "cut.db"
    info = told(db)
    assert not info.complete
    assert info.coverage["cells"][0]["batches"] == [[0, 4, 1]]
    assert info.sites[0].tokens_counted < told(whole).sites[0].tokens_counted
    tokens = info.coverage["cells"][0]["tokens"]
    assert command_line(["info", str(db), "-f", "rich"]) == 0
    assert f"under way: the numbers are those of the {tokens} tokens seen so far" in capsys.readouterr().out
    assert command_line(["show", "L1N3", "-f", "json", "--db", str(db)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["neuron"] == "L1N3"
    assert f"{tokens} tokens seen so far" in err
    with pytest.raises(GluscopeError, match="not finished"):
        merge(folder.path / "joined.db", [db, whole], lambda _: None)
    assert copies_for_a_network(db) == 0
    folder.make("cut.db")
    assert shown(db) == shown(whole)
    assert told(db).coverage == told(whole).coverage
    assert copies_for_a_network(db) == copies_for_a_network(whole) > 0


def copies_for_a_network(db: Path) -> int:
    with closing(sqlite3.connect(db)) as sqlite:
        (rows,) = sqlite.execute("SELECT count(*) FROM neuron_pages").fetchone()
    return int(rows)


@pytest.mark.slow
def test_a_snapshot_is_that_of_the_batches_it_covers(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replace(SMALL, batch_tokens=1)
    cut_off(monkeypatch, after=32)  # a block
    with pytest.raises(CutOff):
        folder.make("cut.db", alone, checkpoint_every=0.0, snapshot=True)
    found = told(folder.path / "cut.db")
    assert found.coverage["cells"][0]["count"] == 31
    assert found.sites[0].tokens_counted == found.coverage["cells"][0]["tokens"] - 31  # first positions don't count


@pytest.mark.slow
def test_without_being_asked_no_snapshot_is_written_that_costs_time(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.run.snapshots._NEURON", 1e6)
    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0)
    assert not (folder.path / "cut.db").exists()
    monkeypatch.setattr("indexer.run.snapshots._NEURON", 0.0)
    cut_off(monkeypatch, after=2)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0)
    assert not told(folder.path / "cut.db").complete


@pytest.mark.slow
def test_a_finished_index_that_is_replaced_stays_until_the_new_one_is_there(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = folder.make("a.db")
    before = db.read_bytes()
    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("a.db", replace(SMALL, seed=1), overwrite=True, checkpoint_every=0.0, snapshot=True)
    assert db.read_bytes() == before


@pytest.mark.slow
def test_a_snapshot_without_its_state_is_reported(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0, snapshot=True)
    shutil.rmtree(folder.path / "cut.db.run")
    with pytest.raises(GluscopeError, match="snapshot of a run whose state"):
        folder.make("cut.db")
    assert told(folder.make("cut.db", overwrite=True)).complete


# Memory that runs out


def limit_memory(monkeypatch: pytest.MonkeyPatch, rows: int, site: int, error: Exception) -> list[int]:
    """From the given call on, no site takes more than some rows of a batch; returns the rows that each call took."""
    steps = Stack.steps
    taken: list[int] = []
    calls = [0]

    def limited(stack: Stack, values: Activations, batch: BatchView, routing: Routing | None = None) -> Steps:
        if stack.form.width == WIDTH:  # another is that of a trial before the run
            calls[0] += 1
            if calls[0] > site and len(batch.sequence) > rows:
                raise error
        yield from steps(stack, values, batch, routing)
        if stack.form.width == WIDTH:
            taken.append(len(batch.sequence))

    monkeypatch.setattr(Stack, "steps", limited)
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_if_memory_runs_out_the_batch_is_run_in_pieces(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, rows: int, error: Exception
) -> None:
    whole = folder.make("whole.db")
    taken = limit_memory(monkeypatch, rows, site=5, error=error)  # the second site of the third batch
    db = folder.make("small.db")
    assert max(taken[6:]) <= rows
    assert close(numbers(db), numbers(whole))
    assert [name for name in told(db).run["notices"] if "memory ran out in batch" in name]
    assert told(whole).run["notices"] == []
    info, other = told(db), told(whole)
    assert [site.tokens_counted for site in info.sites] == [site.tokens_counted for site in other.sites]


@pytest.mark.slow
def test_a_sequence_that_does_not_fit_alone_is_reported(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0, site=0, error=torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(GluscopeError, match="doesn't fit in the memory of cpu"):
        folder.make("a.db")
    assert not (folder.path / "a.db.run").exists()


@pytest.mark.slow
def test_memory_that_runs_out_while_a_state_changes_ends_the_run_and_keeps_its_checkpoint(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.make("whole.db")
    enter = Stack.enter_sample
    calls = [0]

    def failing(stack: Stack, *given: Any) -> None:
        if stack.form.width == WIDTH:  # another is that of a trial before the run
            calls[0] += 1
            if calls[0] == 8:
                raise torch.OutOfMemoryError("CUDA out of memory")
        enter(stack, *given)

    monkeypatch.setattr(Stack, "enter_sample", failing)
    with pytest.raises(GluscopeError, match="while L1 took in batch 3"):
        folder.make("a.db", checkpoint_every=0.0)
    assert shown(folder.make("a.db")) == shown(whole)


def test_another_error_is_not_a_lack_of_memory(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0, site=3, error=RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        folder.make("a.db")


# Disks and inputs


@pytest.mark.slow
def test_an_input_that_vanishes_ends_the_run_with_what_is_done_kept(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = folder.path / "texts"
    texts.mkdir()
    for number in range(700):
        (texts / f"{number:04d}.txt").write_text(f"{TEXTS[number % 7 + 1]} {number}"[:40])
    chosen = replace(SMALL, batch_tokens=24)
    whole = folder.make("whole.db", chosen, corpus=texts)
    process = Run.process
    last = texts / "0699.txt"
    kept = last.read_text()

    def vanishing(run: Run, batch: Batch) -> None:
        last.unlink(missing_ok=True)
        process(run, batch)

    monkeypatch.setattr(Run, "process", vanishing)
    with pytest.raises(GluscopeError, match=r"0699\.txt"):
        folder.make("a.db", chosen, corpus=texts)
    assert any("the same command continues" in notice for notice in folder.notices)
    last.write_text(kept)
    monkeypatch.setattr(Run, "process", process)
    db = folder.make("a.db", chosen, corpus=texts)
    assert any(notice.startswith("continuing after") for notice in folder.notices)
    assert shown(db) == shown(whole)


@pytest.mark.slow
def test_a_disk_that_fills_up_at_a_checkpoint_keeps_the_last_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.make("whole.db")
    save = checkpoint._save_file
    calls = [0]

    def full(tensors: dict[str, torch.Tensor], path: Path) -> None:
        calls[0] += 1
        if calls[0] >= 4:
            path.write_bytes(b"a part")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save(tensors, path)

    monkeypatch.setattr(checkpoint, "_save_file", full)
    with pytest.raises(GluscopeError, match="disk is full") as error:
        folder.make("a.db", checkpoint_every=0.0)
    assert "it continues" in error.value.fix
    assert not list((folder.path / "a.db.run").glob("*.new"))
    monkeypatch.setattr(checkpoint, "_save_file", save)
    assert shown(folder.make("a.db")) == shown(whole)
    assert folder.notices[0].startswith("continuing after")


def test_what_the_library_says_of_a_full_disk_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left") as error:
        checkpoint._save_file({}, tmp_path / "x")
    assert error.value.errno == errno.ENOSPC


@pytest.mark.slow
def test_a_disk_that_fills_up_while_the_index_is_written_loses_no_batch(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.make("whole.db")
    written = write.write_index

    def full(path: Path, *_: object) -> None:
        raise GluscopeError(f"{path} can't be written: the disk is full", "free some space")

    monkeypatch.setattr(job, "write_index", full)
    with pytest.raises(GluscopeError, match="the disk is full"):
        folder.make("a.db")
    monkeypatch.setattr(job, "write_index", written)

    def never(_run: Run, _batch: Batch) -> None:
        raise AssertionError("a batch was run again")

    monkeypatch.setattr(Run, "process", never)
    assert shown(folder.make("a.db")) == shown(whole)
