"""A dry run writes nothing and is near the truth; a run that can't fit is refused before it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gluscope_tui.cli.app import run as command_line
from indexer.errors import GluscopeError
from indexer.forecast import estimate as forecast
from indexer.jobs.dry_run import dry_run
from indexer.run import checkpoint
from indexer.run.accumulator import Run
from indexer.sequences.batches import Batch
from indexer.settings import Execution, Inputs, Settings
from indexer.statistics.stack import SiteState

from ..support.small_runs import make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "model", intermediate_size=400)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    words = [f"{number} the cat sat on the mat {number * 7919 % 1009}" for number in range(600)]
    return write_corpus(tmp_path / "texts.jsonl", [" ".join(words[i : i + 6]) for i in range(0, 600, 2)])


SETTINGS = Settings(context=64, batch_tokens=512, sample=256)


@pytest.mark.slow
def test_a_dry_run_is_near_the_truth_and_writes_nothing(model: Path, corpus: Path, tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    found = dry_run(str(model), Inputs((str(corpus),)), db, SETTINGS, Execution(compile="on"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.jsonl"]
    make(model, corpus, db, SETTINGS)
    assert found.neurons == 800
    assert found.file_bytes is not None
    assert 0.6 < found.file_bytes / db.stat().st_size < 1.6
    assert found.seconds is not None
    assert found.tokens is not None
    assert found.seconds == pytest.approx(found.tokens / found.tokens_per_second)
    assert found.writing_seconds is not None
    parts = (found.loading_seconds, found.weights_seconds, found.wiring_seconds, found.writing_seconds)
    assert found.total_seconds == pytest.approx(found.seconds + found.starting_seconds + sum(parts))
    assert min(parts) > 0
    assert found.fits_memory
    assert found.fits_disk


def test_the_first_batch_tells_what_starting_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """100 tokens a second, except for 7 seconds before the first batch is done."""

        def __init__(self) -> None:
            self.states: dict[str, SiteState] = {}
            self.now = 0.0

        def process(self, batch: SimpleNamespace) -> None:
            self.now += batch.tokens / 100 + (7 if self.now == 0 else 0)

    def measured(*tokens: int) -> tuple[float, float]:
        run = Slow()
        monkeypatch.setattr("indexer.forecast.estimate.time.monotonic", lambda: run.now)
        return forecast.measure(cast(Run, run), cast(list[Batch], [SimpleNamespace(tokens=n) for n in tokens]))

    assert measured(200, 300, 100) == pytest.approx((100, 7))
    assert measured(200) == pytest.approx((200 / 9, 0))


@pytest.mark.slow
def test_what_follows_the_text_is_not_reported_for_a_part_or_if_it_is_left_out(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(**execution: Any) -> forecast.Forecast:
        chosen = Execution(compile="on", **execution)
        return dry_run(str(model), Inputs((str(corpus),)), tmp_path / "x.db", SETTINGS, chosen)

    assert found(weights=False).weights_seconds == found(shard="2/2").weights_seconds == 0
    assert found(weights=False).wiring_seconds == found(wiring=False).wiring_seconds == 0
    assert found(shard="1/2").weights_seconds > 0
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no folder"))
    nowhere = found()
    assert nowhere.writing_seconds is nowhere.total_seconds is None


@pytest.mark.slow
def test_weights_and_writing_grow_with_what_there_is_to_do(corpus: Path, tmp_path: Path) -> None:
    def found(width: int) -> forecast.Forecast:
        model = save_model(tmp_path / f"model{width}", intermediate_size=width)
        return dry_run(str(model), Inputs((str(corpus),)), tmp_path / "x.db", SETTINGS, Execution(compile="on"))

    small, large = found(100), found(3200)
    assert large.weights_seconds > 2 * small.weights_seconds
    assert large.wiring_seconds > 2 * small.wiring_seconds
    assert (large.writing_seconds or 0) > 2 * (small.writing_seconds or 0)


@pytest.mark.slow
def test_of_a_stream_nothing_is_told_that_depends_on_its_length_unless_it_is_limited(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def endless(pipe: int) -> None:
        with suppress(BrokenPipeError), open(pipe, "w") as file:
            for number in range(200_000):
                file.write(json.dumps({"text": f"{number} the cat sat on the mat"}) + "\n")

    def found(*more: str) -> dict[str, Any]:
        out, into = os.pipe()
        stream = tmp_path / "stream.jsonl"
        stream.unlink(missing_ok=True)
        stream.symlink_to(f"/dev/fd/{out}")
        writer = threading.Thread(target=endless, args=(into,))
        writer.start()
        command = f"index {model} {stream} --db {tmp_path / 'x.db'} --dry-run --context 64 --batch-tokens 512"
        assert command_line([*command.split(), "--compile", "off", "--no-weights", "-f", "json", *more]) == 0
        os.close(out)
        writer.join()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    depend = ("tokens", "seconds", "file_bytes", "run_folder_bytes", "fits_disk", "writing_seconds", "total_seconds")
    unknown = found()
    assert [unknown[name] for name in (*depend, "tokens_basis")] == [None] * 8
    limited = found("--tokens", "1M")
    assert (limited["tokens"], limited["tokens_basis"], limited["fits_disk"]) == (1_000_000, "limit", True)
    assert None not in [limited[name] for name in depend]


@pytest.mark.slow
def test_the_state_is_as_large_as_told(model: Path, corpus: Path, tmp_path: Path) -> None:
    settings = Settings(context=64, batch_tokens=512, sample=256, window=(3, 4), top_k=5, rank_by=("post", "act"))
    found = dry_run(str(model), Inputs((str(corpus),)), tmp_path / "x.db", settings, Execution(compile="on"))
    kept: list[int] = []

    def cut_off(folder: Path) -> None:
        kept.extend(path.stat().st_size for path in folder.glob("state-*.safetensors"))

    save = checkpoint.save

    class Enough(Exception):
        """One checkpoint is enough."""

    def once(folder: Path, *rest: object) -> None:
        save(folder, *rest)  # type: ignore[arg-type]  # handed on as they came
        cut_off(folder)
        raise Enough

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", once)
        with pytest.raises(Enough):
            make(model, corpus, tmp_path / "y.db", settings, checkpoint_every=0.0)
    assert kept[0] == pytest.approx(found.state_bytes, rel=0.05)


@pytest.mark.slow
def test_tokens_are_those_of_the_corpus_or_of_the_shard(model: Path, corpus: Path, tmp_path: Path) -> None:
    def tokens(settings: Settings, shard: str | None = None) -> int | None:
        execution = Execution(compile="on", shard=shard)
        return dry_run(str(model), Inputs((str(corpus),)), tmp_path / "x.db", settings, execution).tokens

    whole = tokens(SETTINGS)
    assert whole is not None
    part = tokens(SETTINGS, "2/4")
    assert part == whole // 4
    assert tokens(Settings(context=64, batch_tokens=512, sample=256, tokens=1000)) == pytest.approx(1000, rel=0.1)


def refused(model: Path, corpus: Path, db: Path, settings: Settings = SETTINGS) -> str:
    with pytest.raises(GluscopeError) as error:
        make(model, corpus, db, settings)
    assert not db.exists()
    assert not db.with_name(db.name + ".run").exists()
    return str(error.value)


def test_a_run_whose_state_does_not_fit_in_memory_is_refused(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "memory_free", lambda _: 1_000_000)
    assert "of memory on cpu, 1.0 MB are free" in refused(model, corpus, tmp_path / "x.db")


@pytest.mark.slow
def test_a_run_whose_index_surely_does_not_fit_on_the_disk_is_refused(
    model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def room(size: int) -> Callable[[Path], SimpleNamespace]:
        return lambda _: SimpleNamespace(free=size)

    monkeypatch.setattr(shutil, "disk_usage", room(100_000))
    assert "at the least, 0.1 MB are free" in refused(model, corpus, tmp_path / "x.db")
    monkeypatch.setattr(shutil, "disk_usage", room(2_000_000_000))
    make(model, corpus, tmp_path / "x.db", SETTINGS)


@pytest.mark.slow
def test_the_command_prints_a_table_and_nothing_else_on_stdout(
    model: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"index {model} {corpus} --db {tmp_path / 'x.db'} --dry-run --context 64 --batch-tokens 512 --compile off"
    assert command_line(command.split()) == 0
    rows = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert rows["neurons"] == "800"
    assert rows["fits_memory"] == rows["fits_disk"] == "true"
    assert float(rows["state_bytes"]) > 0
    assert command_line([*command.split(), "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"format", *rows} == found.keys()
    assert (found["neurons"], found["fits_disk"], found["state_bytes"]) == (800, True, int(rows["state_bytes"]))
    assert command_line([*command.split(), "-f", "table"]) == 0
    assert re.search(r"^time in all +\d+ s$", capsys.readouterr().out, re.MULTILINE)
    assert not (tmp_path / "x.db").exists()
    assert command_line([*command.replace(" --dry-run", "").split(), "-f", "json"]) == 2
    assert "--format needs --dry-run" in capsys.readouterr().err
