"""The same command on what an earlier one left: finished, unfinished, of other settings or other text."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.run.folder import hold
from indexer.settings import Execution, Inputs, Settings

from ..support.content import content
from ..support.long_runs import CutOff, cut_off
from ..support.small_runs import TEXTS, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = ["--context", "30", "--batch-tokens", "90", "--top-k", "5", "--compile", "off"]
SETTINGS = Settings(context=30, batch_tokens=90, top_k=5)


@dataclass
class Command:
    """`gluscope index` in a folder of its own."""

    folder: Path
    model: Path
    corpus: Path
    db: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *options: str) -> tuple[int, list[str]]:
        """Exit code, and what was said on stderr."""
        self.capsys.readouterr()
        code = run(["index", str(self.model), str(self.corpus), "--db", str(self.db), *OPTIONS, *options])
        out, err = self.capsys.readouterr()
        assert out == ""
        return code, err.splitlines()

    def refused(self, *options: str) -> str:
        """The message when it refuses: two lines, the cause and the fix."""
        code, lines = self(*options)
        assert code == 2
        said = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        assert len(said) == 1
        assert len(lines) - said[0] == 2
        return "\n".join(lines[said[0] :])

    def interrupt(self, after: int, *, overwrite: bool = False) -> None:
        """Begin a run and press Ctrl-C in that batch."""
        batches = 0

        def report(progress: Progress) -> None:
            nonlocal batches
            batches += progress.phase == "indexing"
            if progress.phase == "indexing" and batches == after:
                signal.raise_signal(signal.SIGINT)

        inputs = Inputs((str(self.corpus),))
        execution = Execution(compile="on")
        with pytest.raises(KeyboardInterrupt):
            index(str(self.model), inputs, self.db, SETTINGS, execution, overwrite=overwrite, progress=report)

    @property
    def left(self) -> list[str]:
        return sorted(os.listdir(self.db.parent))


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr("indexer.run.snapshots.COST", 1e9)  # none is due, however slow the machine is
    (tmp_path / "out").mkdir()
    corpus = write_corpus(tmp_path / "texts.jsonl")
    return Command(tmp_path, save_model(tmp_path / "model"), corpus, tmp_path / "out" / "x.db", capsys)


@pytest.mark.slow
def test_a_finished_index_is_left_as_it_is(command: Command) -> None:
    assert command()[0] == 0
    before = command.db.read_bytes(), command.db.stat().st_mtime_ns
    code, lines = command()
    assert code == 0
    assert any("is finished" in line for line in lines)
    assert (command.db.read_bytes(), command.db.stat().st_mtime_ns) == before
    assert command.left == ["x.db"]


def other_weights(command: Command) -> None:
    shutil.rmtree(command.model)
    save_model(command.model, seed=1)


def other_text(command: Command) -> None:
    write_corpus(command.corpus, [text.replace("cat", "dog") for text in TEXTS])


def more_text(command: Command) -> None:
    write_corpus(command.corpus, (*TEXTS, "and more"))


def less_text(command: Command) -> None:
    write_corpus(command.corpus, TEXTS[:-4])


def nothing(_: Command) -> None:
    pass


DIFFERENCES: dict[str, tuple[list[str], Callable[[Command], None], str]] = {
    "context": (["--context", "31"], nothing, "--context 30, not 31"),
    "long": (["--long", "truncate"], nothing, "--long split, not truncate"),
    "BOS": (["--bos", "never"], nothing, "--bos auto, not never"),
    "first counted": (["--count-first"], nothing, "--count-first"),
    "layers": (["--layers", "1"], nothing, "--layers all, not 1"),
    "top k": (["--top-k", "4"], nothing, "--top-k 5, not 4"),
    "rankings": (["--rank-by", "post"], nothing, "--rank-by post,gate,in,random, not post"),
    "duplicates": (["--duplicates", "keep"], nothing, "--duplicates fold, not keep"),
    "window": (["--window", "3,3"], nothing, "--window 24,7, not 3,3"),
    "sample": (["--sample", "3"], nothing, "--sample 1024, not 3"),
    "seed": (["--seed", "3"], nothing, "--seed 0, not 3"),
    "dtype": (["--dtype", "bfloat16"], nothing, "--dtype float32, not bfloat16"),
    "batch size": (["--batch-tokens", "91"], nothing, "--batch-tokens 90, not 91"),
    "weights": ([], other_weights, "other weights"),
    "text": ([], other_text, "text"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("options", "change", "said"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_is_there_is_kept_from_a_run_that_differs(
    options: list[str], change: Callable[[Command], None], said: str, command: Command
) -> None:
    assert command()[0] == 0
    before = command.db.read_bytes()
    change(command)
    assert said in command.refused(*options)
    assert command.db.read_bytes() == before
    assert command.left == ["x.db"]


@pytest.mark.slow
@pytest.mark.parametrize("change", [more_text, less_text])
def test_a_finished_index_is_kept_from_text_of_another_length(
    change: Callable[[Command], None], command: Command
) -> None:
    assert command()[0] == 0
    before = command.db.read_bytes()
    change(command)
    assert "text" in command.refused()
    assert command.db.read_bytes() == before
    assert command.left == ["x.db"]


@pytest.mark.slow
def test_fewer_tokens_are_another_index(command: Command) -> None:
    assert command("--tokens", "500")[0] == 0
    before = command.db.read_bytes()
    assert "--tokens 500, not 100" in command.refused("--tokens", "100")
    assert command.db.read_bytes() == before
    assert command.left == ["x.db"]


@pytest.mark.slow
@pytest.mark.parametrize(("options", "change", "said"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_an_unfinished_run_is_kept_from_one_that_differs(
    options: list[str], change: Callable[[Command], None], said: str, command: Command
) -> None:
    expected = make(command.model, command.corpus, command.folder / "whole.db", SETTINGS)
    command.interrupt(5)
    text, model = command.corpus.read_bytes(), command.folder / "saved"
    shutil.copytree(command.model, model)
    change(command)
    assert said in command.refused(*options)
    assert command.left == ["x.db.run"]
    command.corpus.write_bytes(text)
    shutil.rmtree(command.model)
    model.rename(command.model)
    code, lines = command()
    assert code == 0
    assert any(line.startswith("continuing after") for line in lines)
    assert content(command.db) == content(expected)
    assert command.left == ["x.db"]


@pytest.mark.slow
def test_an_older_index_is_replaced_only_by_a_complete_one(command: Command) -> None:
    assert command("--seed", "1")[0] == 0
    before = command.db.read_bytes()
    command.interrupt(3, overwrite=True)
    assert command.db.read_bytes() == before
    command.interrupt(3, overwrite=True)
    assert command.db.read_bytes() == before
    code, lines = command("--overwrite")
    assert code == 0
    assert any(line.startswith("continuing after") for line in lines)
    expected = make(command.model, command.corpus, command.folder / "whole.db", SETTINGS)
    assert content(command.db) == content(expected)
    assert command.left == ["x.db"]


@pytest.mark.slow
def test_overwrite_restarts_an_unfinished_run_of_other_settings(command: Command) -> None:
    command.interrupt(3)
    assert command("--overwrite", "--seed", "1")[0] == 0
    with Index(command.db) as made:
        assert made.info().settings["seed"] == 1
    assert command.left == ["x.db"]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["state", "mark"])
def test_a_damaged_checkpoint_is_reported_and_can_be_left_behind(damage: str, command: Command) -> None:
    command.interrupt(3)
    state = next((command.folder / "out" / "x.db.run").glob("state-*" if damage == "state" else "checkpoint.json"))
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    said = command.refused()
    assert "checkpoint" in said
    assert "--overwrite" in said
    assert command("--overwrite")[0] == 0
    assert command.left == ["x.db"]


@pytest.mark.slow
def test_two_runs_do_not_share_a_file(command: Command) -> None:
    with hold(command.folder / "out" / "x.db.run", print):
        assert "another run is writing" in command.refused()
    assert command()[0] == 0


@pytest.mark.slow
def test_text_that_changed_under_an_unfinished_run_says_how_to_start_again(command: Command) -> None:
    command.interrupt(5)
    other_text(command)
    said = command.refused()
    assert str(command.folder / "out" / "x.db.run") in said
    shutil.rmtree(command.folder / "out" / "x.db.run")
    assert command()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", [False, True])
def test_an_index_or_a_run_whose_text_held_a_file_twice_is_refused(
    tmp_path: Path, unfinished: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older versions read a file again for each argument: as a copy is read here, which a link then replaces."""
    model, db = save_model(tmp_path / "model"), tmp_path / "x.db"
    first, second = (tmp_path / f"{name}.txt" for name in "ab")
    for path in (first, second):
        path.write_text(TEXTS[3])

    def again() -> None:
        index(str(model), Inputs((str(first), str(second))), db, SETTINGS, Execution("cpu", checkpoint_every=0.0))

    with monkeypatch.context() as patch, pytest.raises(CutOff) if unfinished else nullcontext():
        if unfinished:
            cut_off(patch, after=5)
        again()
    second.unlink()
    os.link(first, second)
    with pytest.raises(GluscopeError, match=r"the text has changed|it was made from other text"):
        again()
    assert db.exists() != unfinished
