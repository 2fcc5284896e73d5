"""A person's files stay: files in the way, links, changes meanwhile, damaged checkpoints, cut-off changes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import indexer
from gluscope_tui.cli.app import run as command_line
from indexer.database.read.rollback import has_journal, roll_back
from indexer.errors import GluscopeError
from indexer.jobs.build_search import build_search
from indexer.run import output_file
from indexer.run.accumulator import Run
from indexer.run.checkpoint_file import FileSum
from indexer.sequences.batches import Batch

from ..support.index_fixture import make_index
from ..support.long_runs import CutOff, Folder, cut_off
from ..support.outputs import shown

pytestmark = pytest.mark.usefixtures("one_thread")

KEPT = b"a person's own"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with a model, a text, the index `whole.db`, and both halves of it."""
    folder = Folder(tmp_path_factory.mktemp("prepared"))
    folder.make("whole.db")
    for number in (1, 2):
        folder.make(f"{number}.db", shard=f"{number}/2")
    return folder


@pytest.fixture(scope="module")
def cut(prepared: Folder) -> Path:
    """The run folder of a run that was cut off after some batches."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut_off(monkeypatch, after=6)
        with pytest.raises(CutOff):
            prepared.make("cut.db", checkpoint_every=0.0)
    return prepared.path / "cut.db.run"


@pytest.fixture
def db(tmp_path: Path, prepared: Folder) -> Path:
    """A copy of the index, in a folder of its own."""
    return Path(shutil.copy(prepared.path / "whole.db", tmp_path / "a.db"))


def make(prepared: Folder, db: Path, *, overwrite: bool = False, **execution: Any) -> Path:
    """Index the text into a file anywhere."""
    return prepared.make(os.path.relpath(db, prepared.path), overwrite=overwrite, **execution)


def arguments(command: str, prepared: Folder, db: Path) -> list[str]:
    """A command line that writes `db`."""
    model, corpus = str(prepared.model), str(prepared.corpus)
    options = ["--context", "48", "--batch-tokens", "96", "--compile", "off", "--overwrite"]
    parts = [str(prepared.path / f"{number}.db") for number in (1, 2)]
    return {
        "index": ["index", model, corpus, "--db", str(db), *options],
        "weights": ["index", model, "--weights-only", "--overwrite", "--db", str(db)],
        "merge": ["merge", str(db), *parts, "--overwrite"],
        "search": ["search", "--build", "--db", str(db)],
    }[command]


COMMANDS = ("index", "weights", "merge", "search")


def file_inside(run: Path) -> None:
    run.mkdir()
    (run / "notes.txt").write_bytes(KEPT)


def folder_inside(run: Path) -> None:
    (run / "pictures").mkdir(parents=True)
    (run / "pictures" / "one.png").write_bytes(KEPT)


def names_of_ours(run: Path) -> None:
    """Files that have our names, but nothing that says they are."""
    run.mkdir()
    (run / "tokens.bin").write_bytes(KEPT)


def file_beside_ours(run: Path) -> None:
    """A folder as an older version left it, with a person's file in it."""
    run.mkdir()
    (run / "lock").touch()
    (run / "notes.txt").write_bytes(KEPT)


def link_to_a_folder(run: Path) -> None:
    (run.parent / "elsewhere").mkdir()
    (run.parent / "elsewhere" / "index.db").write_bytes(KEPT)
    run.symlink_to("elsewhere")


def link_to_nowhere(run: Path) -> None:
    run.symlink_to("nowhere")


def a_file(run: Path) -> None:
    run.write_bytes(KEPT)


def link_inside(name: str) -> Callable[[Path], None]:
    def obstacle(run: Path) -> None:
        run.mkdir()
        (run / "gluscope").touch()
        (run.parent / "elsewhere").write_bytes(KEPT)
        (run / name).symlink_to("../elsewhere")

    return obstacle


def folder_of_our_name(run: Path) -> None:
    (run / "index.db").mkdir(parents=True)
    (run / "gluscope").touch()


OBSTACLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file inside": (file_inside, "holds notes.txt, which gluscope did not write"),
    "a folder inside": (folder_inside, "holds pictures, which gluscope did not write"),
    "names of ours": (names_of_ours, "was not made by gluscope"),
    "a file beside ours": (file_beside_ours, "holds notes.txt, which gluscope did not write"),
    "a link to a folder": (link_to_a_folder, "is a symbolic link"),
    "a link to nowhere": (link_to_nowhere, "is a symbolic link"),
    "a file": (a_file, "is not a folder"),
    "a folder of our name": (folder_of_our_name, "index.db is not a regular file"),
    **{
        f"a link {name}": (link_inside(name), f"{name} is a symbolic link")
        for name in ("tokens.bin", "sources.bin", "turns.bin", "sequences.bin", "identity.json", "lock", "index.db")
    },
}


def everything(folder: Path) -> dict[str, bytes | str | None]:
    """Every path below a folder, with the content of files and the targets of links."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_run_folder_that_is_not_ours_is_refused_and_left(
    command: str, obstacle: str, prepared: Folder, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare, said = OBSTACLES[obstacle]
    prepare(db.with_name("a.db.run"))
    before = everything(db.parent)
    assert command_line(arguments(command, prepared, db)) == 2
    err = capsys.readouterr().err
    assert said in err or "is not finished" in err or "unfinished run in" in err
    assert "Traceback" not in err
    assert everything(db.parent) == before


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_persons_files_in_our_run_folder_stay(command: str, prepared: Folder, db: Path) -> None:
    run = db.with_name("a.db.run")
    run.mkdir()
    (run / "gluscope").touch()
    (run / "notes.txt").write_bytes(KEPT)
    (run / "index.db").write_bytes(b"half of it")
    for _ in range(2):
        assert command_line(arguments(command, prepared, db)) == 0
        assert sorted(os.listdir(run)) == ["gluscope", "notes.txt"]
        assert (run / "notes.txt").read_bytes() == KEPT


@pytest.mark.slow
def test_a_run_folder_of_another_user_is_refused(
    prepared: Folder, db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = db.with_name("a.db.run")
    run.mkdir()
    monkeypatch.setattr("indexer.run.folder._owner_given", lambda _: os.geteuid() + 1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert command_line(arguments("search", prepared, db)) == 2
    assert "belongs to another user" in capsys.readouterr().err
    assert os.listdir(run) == []


@pytest.mark.slow
def test_files_that_a_disk_gives_to_another_user_are_accepted(
    prepared: Folder, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.with_name("a.db.run").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)  # as with NFS, where root's files are nobody's
    assert command_line(arguments("search", prepared, db)) == 0


# The file itself


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_appears_in_the_place_meanwhile_is_left(
    command: str,
    kind: str,
    prepared: Folder,
    db: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = db.read_bytes()
    put = output_file.OutputFile.put

    def late(file: output_file.OutputFile, made: Path) -> None:
        db.unlink()
        db.mkdir() if kind == "folder" else db.write_bytes(KEPT)
        put(file, made)

    monkeypatch.setattr(output_file.OutputFile, "put", late)
    assert command_line(arguments(command, prepared, db)) == 2
    assert "by something else meanwhile, and is left as it is" in capsys.readouterr().err
    if kind == "folder":
        db.rmdir()
    else:
        assert db.read_bytes() == KEPT
    monkeypatch.setattr(output_file.OutputFile, "put", put)
    db.write_bytes(before)

    def never(_run: Run, _batch: Batch) -> None:
        raise AssertionError("a batch was run again")

    monkeypatch.setattr(Run, "process", never)
    assert command_line(arguments(command, prepared, db)) == 0
    assert not db.with_name("a.db.run").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_link_is_followed_and_stays_a_link(command: str, prepared: Folder, db: Path) -> None:
    link = db.parent / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to("../a.db")
    inode = db.stat().st_ino
    db.chmod(0o640)
    assert command_line(arguments(command, prepared, link)) == 0
    assert link.is_symlink()
    assert db.stat().st_ino != inode
    assert db.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(db.parent)) == ["a.db", "elsewhere"]
    assert os.listdir(link.parent) == ["link.db"]


@pytest.mark.slow
def test_a_link_to_nowhere_makes_the_file_that_it_names(prepared: Folder, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to("new.db")
    assert command_line(arguments("merge", prepared, link)) == 0
    assert link.is_symlink()
    assert shown(tmp_path / "new.db") == shown(prepared.path / "whole.db")


def test_a_run_that_was_begun_beside_a_link_is_not_begun_again(
    prepared: Folder, cut: Path, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = db.with_name("link.db")
    link.symlink_to("a.db")
    shutil.copytree(cut, db.with_name("link.db.run"))
    assert command_line(arguments("index", prepared, link)) == 2
    assert "link.db.run holds an unfinished run" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_protected_index_is_left(
    command: str, prepared: Folder, db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: (Path(path) != db or mode != os.W_OK) and access(path, mode))
    before = db.read_bytes()
    assert command_line(arguments(command, prepared, db)) == 2
    assert "is write-protected" in capsys.readouterr().err
    assert db.read_bytes() == before
    assert os.listdir(db.parent) == ["a.db"]


# Changes that are cut off


def cut_off_change(folder: Path) -> tuple[Path, bytes]:
    """An index whose change was cut off, as a kill leaves it, with the journal that undoes that; and the whole."""
    truth = make_index(folder / "whole.db")
    before = truth.path.read_bytes()
    with sqlite3.connect(truth.path, isolation_level=None) as writer:
        writer.execute("PRAGMA cache_size = 1")  # pages are written before the change ends
        writer.execute("BEGIN")
        writer.execute("UPDATE neurons SET zero = zero + 1")
        writer.execute("UPDATE tokens SET text = text || 'x'")
        torn = folder / "torn.db"
        shutil.copy(truth.path, torn)
        shutil.copy(f"{truth.path}-journal", f"{torn}-journal")
        writer.execute("ROLLBACK")
    writer.close()
    assert torn.read_bytes() != before
    assert has_journal(torn)
    return torn, before


@pytest.mark.slow
def test_a_change_that_was_cut_off_is_rolled_back(tmp_path: Path) -> None:
    torn, before = cut_off_change(tmp_path)
    roll_back(torn)
    assert torn.read_bytes() == before
    assert not Path(f"{torn}-journal").exists()


@pytest.mark.slow
def test_a_change_that_was_cut_off_is_undone_when_the_index_is_read(tmp_path: Path) -> None:
    torn, before = cut_off_change(tmp_path)
    with indexer.open(torn) as index:
        assert index.neuron("L0N4") is not None
    assert torn.read_bytes() == before
    assert not Path(f"{torn}-journal").exists()


@pytest.mark.slow
def test_a_change_that_was_cut_off_is_reported_if_it_can_not_be_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn, _ = cut_off_change(tmp_path)
    before = everything(tmp_path)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    with pytest.raises(GluscopeError, match="was cut off, and can't be undone") as error:
        indexer.open(torn)
    assert f"{torn}-journal" in error.value.fix
    assert everything(tmp_path) == before


@pytest.mark.slow
def test_a_journal_of_a_change_under_way_is_reported_as_such(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "whole.db")
    with sqlite3.connect(truth.path, isolation_level=None) as writer:
        writer.execute("PRAGMA cache_size = 1")  # pages are written before the change ends
        writer.execute("BEGIN")
        writer.execute("UPDATE neurons SET zero = zero + 1")
        writer.execute("UPDATE tokens SET text = text || 'x'")
        assert has_journal(truth.path)
        with pytest.raises(GluscopeError, match="is locked"):
            indexer.open(truth.path)
        writer.execute("ROLLBACK")
    writer.close()
    indexer.open(truth.path).close()


@pytest.mark.slow
def test_a_journal_that_names_another_file_is_not_played_back(tmp_path: Path) -> None:
    """SQLite removes the file that a journal of several databases names, once it has played the journal back."""
    torn, _ = cut_off_change(tmp_path)
    canary = tmp_path / "canary"
    canary.write_bytes(KEPT)
    name = os.fsencode(canary)
    page = (2**30 // 2048 + 1).to_bytes(4, "big")  # the page that is never used
    tail = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    with open(f"{torn}-journal", "ab") as journal:
        journal.write(page + name + tail)
    before = everything(tmp_path)
    for action in (indexer.open, roll_back):
        with pytest.raises(GluscopeError, match="names another file"):
            action(torn)
    assert everything(tmp_path) == before


@pytest.mark.slow
def test_an_index_is_read_on_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer's lock, which keeps others out, isn't seen there."""
    truth = make_index(tmp_path / "whole.db")
    with sqlite3.connect(truth.path, isolation_level=None) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GluscopeError, match="is locked"):
            indexer.open(truth.path)

        def no_locks(*_: object) -> None:
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(fcntl, "fcntl", no_locks)
        with indexer.open(truth.path) as index:
            assert index.neuron("L0N4") is not None
    writer.close()


@pytest.mark.slow
def test_an_index_is_not_replaced_under_a_journal_that_undoes_the_older_one(tmp_path: Path, prepared: Folder) -> None:
    torn, _ = cut_off_change(tmp_path)
    assert command_line(arguments("merge", prepared, torn)) == 0
    assert shown(torn) == shown(prepared.path / "whole.db")
    assert not Path(f"{torn}-journal").exists()


@pytest.mark.slow
def test_a_change_under_way_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = make_index(tmp_path / "whole.db")
    with sqlite3.connect(truth.path, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE neurons SET zero = zero + 1")
        assert command_line(["search", "--build", "--db", str(truth.path)]) == 2
        assert "another program is writing" in capsys.readouterr().err
        writer.execute("ROLLBACK")
    writer.close()
    assert command_line(["search", "--build", "--db", str(truth.path)]) == 0


@pytest.mark.parametrize(
    "stage", ["indexer.database.bulk.add_search.Postings.add_site", "indexer.database.bulk.add_search.Postings.write"]
)
def test_building_a_search_that_ends_early_changes_nothing(
    stage: str, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = db.read_bytes(), db.stat().st_ino

    def ending(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, ending)
    with pytest.raises(KeyboardInterrupt):
        build_search(db, lambda _: None)
    assert (db.read_bytes(), db.stat().st_ino) == before
    assert os.listdir(db.parent) == ["a.db"]


def test_a_disk_that_is_full_changes_nothing_and_says_what_comes_next(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = db.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(GluscopeError, match="the disk is full") as error:
        build_search(db, lambda _: None)
    assert f"it starts again, {db} is unchanged" in error.value.fix
    assert db.read_bytes() == before
    assert os.listdir(db.parent) == ["a.db"]


# Checkpoints


@pytest.fixture
def run_folder(cut: Path, tmp_path: Path) -> Path:
    return shutil.copytree(cut, tmp_path / "a.db.run")


def state(run: Path) -> Path:
    return next(run.glob("state-*"))


def change(name: str, data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = state(run) if name == "state" else run / name
        path.write_bytes(data(path.read_bytes()))

    return damage


def flipped(place: float) -> Callable[[bytes], bytes]:
    def data(old: bytes) -> bytes:
        at = int(place * (len(old) - 1))
        return old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :]

    return data


def without(name: str) -> Callable[[Path], None]:
    return lambda run: (state(run) if name == "state" else run / name).unlink()


FILES = ("state", "identity.json", "checkpoint.json")
DAMAGE: dict[str, Callable[[Path], None]] = {
    **{f"{name} deleted": without(name) for name in FILES},
    **{f"{name} emptied": change(name, lambda _: b"") for name in FILES},
    **{f"{name} cut": change(name, lambda old: old[: len(old) // 2]) for name in FILES},
    **{f"{name} appended to": change(name, lambda old: old + b" ") for name in ("state", "identity.json")},
    **{f"{name} flipped at {at}": change(name, flipped(at)) for name in FILES for at in (0.0, 0.3, 0.5, 0.77, 1.0)},
    "other JSON": change("checkpoint.json", lambda _: b"[1, 2]"),
    "deep JSON": change("checkpoint.json", lambda _: b"[" * 100_000),
    "identity of another kind": change("identity.json", lambda _: b"3"),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_refused_with_the_way_out(damage: str, prepared: Folder, run_folder: Path) -> None:
    DAMAGE[damage](run_folder)
    db = run_folder.with_name("a.db")
    before = everything(run_folder)
    with pytest.raises(GluscopeError, match="checkpoint") as error:
        make(prepared, db)
    assert "--overwrite" in error.value.fix
    after = everything(run_folder)
    assert {name: after[name] for name in before} == before
    make(prepared, db, overwrite=True)
    assert shown(db) == shown(prepared.path / "whole.db")


@pytest.mark.slow
def test_texts_that_were_spilled_before_are_read_again(prepared: Folder, run_folder: Path) -> None:
    for name in ("tokens.bin", "sources.bin", "turns.bin", "sequences.bin"):
        change(name, lambda old: old[:5] + b"other")(run_folder)
    make(prepared, run_folder.with_name("a.db"))
    assert shown(run_folder.with_name("a.db")) == shown(prepared.path / "whole.db")


def older(run: Path, **other: Any) -> None:
    """Write the checkpoint as the version before files had sums did, some values replaced."""
    saved = json.loads((run / "checkpoint.json").read_bytes())
    old = {"version": 2, "file": state(run).name, **saved["mark"], **other}
    (run / "checkpoint.json").write_text(json.dumps(old))
    (run / "gluscope").unlink()


@pytest.mark.slow
def test_a_checkpoint_of_the_version_before_continues(prepared: Folder, run_folder: Path) -> None:
    older(run_folder)
    make(prepared, run_folder.with_name("a.db"))
    assert prepared.notices[0].startswith("continuing after")
    assert shown(run_folder.with_name("a.db")) == shown(prepared.path / "whole.db")


@pytest.mark.parametrize(
    "other",
    [
        {"file": "../elsewhere.safetensors"},
        {"file": "/etc/passwd"},
        {"file": "state-1.safetensors"},
        {"file": None},
        {"batches": -5},
        {"batches": 2**70},
        {"tokens": "12"},
        {"covered": True},
        {"seconds": float("nan")},
        {"finished": 1},
        {"identity_errors": [1]},
        {"notices": {"a": 1}},
    ],
)
def test_an_older_checkpoint_that_says_what_can_not_be_is_refused(
    other: dict[str, Any], prepared: Folder, run_folder: Path
) -> None:
    older(run_folder, **other)
    with pytest.raises(GluscopeError, match="checkpoint"):
        make(prepared, run_folder.with_name("a.db"))


def test_counts_that_do_not_add_up_are_never_written(prepared: Folder, run_folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    older(run_folder)
    tensors = load_file(state(run_folder))
    tensors["L0/count"][0, 3] += 2**16
    save_file(tensors, state(run_folder))
    with pytest.raises(GluscopeError, match="counts of L0 do not add up"):
        make(prepared, run_folder.with_name("a.db"))
    assert not run_folder.with_name("a.db").exists()


@pytest.mark.slow
def test_a_kill_between_the_two_files_of_a_checkpoint_loses_nothing(prepared: Folder, run_folder: Path) -> None:
    """The state still has the name under which it was written, and the one before is there."""
    named = state(run_folder)
    named.rename(f"{named}.new")
    (run_folder / "state-1.safetensors").write_bytes(b"the one before")
    make(prepared, run_folder.with_name("a.db"))
    assert prepared.notices[0].startswith("continuing after")
    assert shown(run_folder.with_name("a.db")) == shown(prepared.path / "whole.db")


def test_the_sum_of_a_file_is_its_size_and_its_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # RFC 7693's BLAKE2b, cut to 16 bytes as b2sum -l 128 gives it
    assert FileSum.of(tmp_path / "a") == FileSum(3, "cf4ab791c62b8d2b2109c90275287816")


# Locks


@pytest.mark.slow
def test_a_disk_without_locks_is_reported_and_written(
    prepared: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    make(prepared, tmp_path / "a.db")
    assert any("a disk without locks" in notice for notice in prepared.notices)
    assert shown(tmp_path / "a.db") == shown(prepared.path / "whole.db")
