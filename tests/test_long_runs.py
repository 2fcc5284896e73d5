"""Long runs lose nothing: more text, snapshots, memory that runs out, inputs that vanish, disks that fill up."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gluscope_tui.cli.app import run as command_line
from indexer import checkpoint, job, write
from indexer.errors import GluscopeError
from indexer.job import index
from indexer.merge import merge
from indexer.plan import Batch
from indexer.progress import Progress
from indexer.reduction import Activations, Fuser
from indexer.run import Run
from indexer.settings import Execution, Inputs, Settings
from indexer.state import BatchView, SiteState

from .small_runs import TEXTS, save_model, write_corpus
from .test_merge import SMALL, sampled, shown, told

pytestmark = pytest.mark.usefixtures("one_thread")


class Folder:
    """A model, a text and the index of both."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = save_model(path / "model")
        self.corpus = write_corpus(path / "texts.jsonl")
        self.notices: list[str] = []

    def make(
        self,
        name: str,
        settings: Settings = SMALL,
        *,
        corpus: Path | None = None,
        overwrite: bool = False,
        **execution: Any,
    ) -> Path:
        self.notices = []

        def report(progress: Progress) -> None:
            if progress.phase == "notice":
                self.notices.append(progress.message)

        inputs = Inputs((str(corpus or self.corpus),))
        chosen = Execution(compile="off", **execution)
        return index(str(self.model), inputs, self.path / name, settings, chosen, overwrite=overwrite, progress=report)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def numbers(db: Path) -> list[Any]:
    """What must not depend on the batches but for rounding: statistics, and the values of the rankings.

    Which of two equal texts stands for both does depend on it, and so does a value in a window on its coarse grid.
    """
    found: list[Any] = []
    for neuron in json.loads(shown(db)):
        for quadrant in neuron["quadrants"].values():
            found.append([quadrant["count"], *quadrant["mean"].values(), *quadrant["extreme"].values()])
            rankings = {name: list_ for name, list_ in quadrant["examples"].items() if name != "random"}
            found.append([[abs(example["value"]) for example in list_] for list_ in rankings.values()])
            found.append([(example["document"], example["position"]) for example in quadrant["examples"]["random"]])
    return found


def close(one: Any, other: Any) -> bool:
    """Whether two nested lists are the same but for rounding."""
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float):
        return bool(other == pytest.approx(one, rel=1e-4, abs=1e-5))
    return bool(one == other)


# More text


@pytest.mark.parametrize("tokens", [[300, None], [100, 300, 600, None], [300, 500]])
def test_an_extended_index_holds_the_whole_text(folder: Folder, tokens: list[int | None]) -> None:
    for number in tokens:
        db = folder.make("long.db", replace(SMALL, tokens=number))
    whole = folder.make("whole.db", replace(SMALL, tokens=tokens[-1]))
    assert close(numbers(db), numbers(whole))
    info = told(db)
    assert info.complete
    assert info.settings == told(whole).settings
    assert info.corpus == told(whole).corpus
    assert len(info.coverage["borders"]) == len(tokens) - 1
    assert not db.with_name("long.db.run").exists()


def test_with_a_batch_a_sequence_an_extended_index_is_that_of_one_run(folder: Folder) -> None:
    alone = replace(SMALL, batch_tokens=1)
    folder.make("long.db", replace(alone, tokens=300))
    db = folder.make("long.db", alone)
    whole = folder.make("whole.db", alone)
    assert shown(db) == shown(whole)
    assert sampled(db) == sampled(whole)


def test_an_extension_that_is_cut_off_goes_on_and_the_shorter_index_stays_until_then(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("long.db", "cut.db"):
        db = folder.make(name, replace(SMALL, tokens=300))
    before = db.read_bytes()
    whole = folder.make("long.db")
    cut_off(monkeypatch, after=3)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0, snapshot=True)
    assert db.read_bytes() == before
    folder.make("cut.db", checkpoint_every=0.0)
    assert any(notice.startswith("continuing after") for notice in folder.notices)
    assert shown(db) == shown(whole)
    assert told(db).coverage == told(whole).coverage


def test_shards_are_extended_one_by_one_and_joined(folder: Folder) -> None:
    for number in (300, None):
        whole = folder.make("whole.db", replace(SMALL, tokens=number))
        parts = [folder.make(f"{i}.db", replace(SMALL, tokens=number), shard=f"{i}/7") for i in range(1, 8)]
    joined = merge(folder.path / "joined.db", parts, lambda _: None)
    assert shown(joined) == shown(whole)
    assert told(joined).coverage == told(whole).coverage


def test_where_the_text_ended_before_nothing_is_left(folder: Folder) -> None:
    db = folder.make("all.db", replace(SMALL, tokens=10_000))
    before = db.read_bytes()
    for tokens in (10_000, 20_000, None):
        folder.make("all.db", replace(SMALL, tokens=tokens))
        assert folder.notices == [f"{db} is finished: nothing is left to do"]
    assert db.read_bytes() == before


def test_what_is_no_longer_text_of_the_same_run_is_refused(folder: Folder) -> None:
    db = folder.make("some.db", replace(SMALL, tokens=300))
    all_ = folder.make("all.db")
    before = db.read_bytes(), all_.read_bytes()
    other = write_corpus(folder.path / "other.jsonl", ["another", *TEXTS[1:]])
    longer = write_corpus(folder.path / "longer.jsonl", [*TEXTS, "more"])
    for arguments, words in (
        ({"name": "some.db", "settings": replace(SMALL, tokens=100)}, "--tokens 300, not 100"),
        ({"name": "all.db", "settings": replace(SMALL, tokens=100)}, "--tokens all, not 100"),
        ({"name": "some.db", "settings": replace(SMALL, seed=1)}, "--seed 0, not 1"),
        ({"name": "some.db", "corpus": other}, "other text"),
        ({"name": "all.db", "corpus": other}, "other text"),
        ({"name": "all.db", "corpus": longer}, "the text has become longer"),
        ({"name": "all.db", "shard": "1/2"}, "it holds the whole corpus, and this is 1/2"),
    ):
        with pytest.raises(GluscopeError, match=words):
            folder.make(**arguments)
    assert (db.read_bytes(), all_.read_bytes()) == before
    part = folder.make("part.db", shard="1/2")
    with pytest.raises(GluscopeError, match="it is part 1/2 of an index, and this is 2/2"):
        folder.make("part.db", shard="2/2")
    with pytest.raises(GluscopeError, match="it is part 1/2 of an index, and this is the whole"):
        folder.make("part.db")
    folder.make("part.db", shard="1/2")
    assert folder.notices == [f"{part} is finished: nothing is left to do"]


# Snapshots


class CutOff(Exception):
    """Stands for the end of a process."""


def cut_off(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The next run ends once it has run some batches, the last of them without a checkpoint."""
    process = Run.process
    left = [after]

    def counted(run: Run, batch: Batch) -> None:
        process(run, batch)
        left[0] -= 1
        if left[0] == 0:
            monkeypatch.setattr(Run, "process", process)
            raise CutOff

    monkeypatch.setattr(Run, "process", counted)


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
    folder.make("cut.db")
    assert shown(db) == shown(whole)
    assert told(db).coverage == told(whole).coverage


def test_a_snapshot_is_that_of_the_batches_it_covers(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replace(SMALL, batch_tokens=1)
    cut_off(monkeypatch, after=32)  # a block
    with pytest.raises(CutOff):
        folder.make("cut.db", alone, checkpoint_every=0.0, snapshot=True)
    found = told(folder.path / "cut.db")
    assert found.coverage["cells"][0]["count"] == 31
    assert found.sites[0].tokens_counted == found.coverage["cells"][0]["tokens"] - 31  # first positions don't count


def test_without_being_asked_no_snapshot_is_written_that_costs_time(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.snapshots._NEURON", 1e6)
    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0)
    assert not (folder.path / "cut.db").exists()
    monkeypatch.setattr("indexer.snapshots._NEURON", 0.0)
    cut_off(monkeypatch, after=2)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0)
    assert not told(folder.path / "cut.db").complete


def test_a_finished_index_that_is_replaced_stays_until_the_new_one_is_there(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = folder.make("a.db")
    before = db.read_bytes()
    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("a.db", replace(SMALL, seed=1), overwrite=True, checkpoint_every=0.0, snapshot=True)
    assert db.read_bytes() == before


def test_a_snapshot_without_its_state_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    cut_off(monkeypatch, after=5)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0, snapshot=True)
    shutil.rmtree(folder.path / "cut.db.run")
    with pytest.raises(GluscopeError, match="snapshot of a run whose state"):
        folder.make("cut.db")
    assert told(folder.make("cut.db", overwrite=True)).complete


# Memory that runs out

Add = Callable[[SiteState, Activations, BatchView, Fuser], None]


def limit_memory(monkeypatch: pytest.MonkeyPatch, rows: int, site: int, error: Exception) -> list[int]:
    """From the given call on, no site takes more than some rows of a batch; returns the rows that each call took."""
    add: Add = SiteState.add
    taken: list[int] = []
    calls = [0]

    def limited(state: SiteState, values: Activations, batch: BatchView, fuse: Fuser) -> None:
        calls[0] += 1
        if calls[0] > site and len(batch.length) > rows:
            raise error
        add(state, values, batch, fuse)
        taken.append(len(batch.length))

    monkeypatch.setattr(SiteState, "add", limited)
    return taken


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_where_memory_runs_out_the_batch_is_run_in_pieces(
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


def test_a_sequence_that_does_not_fit_alone_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0, site=0, error=torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(GluscopeError, match="doesn't fit in the memory of cpu"):
        folder.make("a.db")
    assert not (folder.path / "a.db.run").exists()


def test_memory_that_runs_out_while_a_state_changes_ends_the_run_and_keeps_its_checkpoint(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.make("whole.db")
    add_sample = SiteState._add_sample
    calls = [0]

    def failing(state: SiteState, values: Activations, batch: BatchView) -> None:
        calls[0] += 1
        if calls[0] == 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        add_sample(state, values, batch)

    monkeypatch.setattr(SiteState, "_add_sample", failing)
    with pytest.raises(GluscopeError, match="while L1 took in batch 3"):
        folder.make("a.db", checkpoint_every=0.0)
    assert shown(folder.make("a.db")) == shown(whole)


def test_another_error_is_no_lack_of_memory(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0, site=3, error=RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        folder.make("a.db")


# Disks and inputs


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
    with pytest.raises(GluscopeError, match="is full") as error:
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
