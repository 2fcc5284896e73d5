"""The demo's corpus is Python's own documentation, whole and in order; its index is made once."""

from __future__ import annotations

import json
import pydoc_data.topics
import shutil
from pathlib import Path

import pytest

import indexer
from gluscope_tui.cli.app import run
from indexer.cache import demo_path
from indexer.jobs import demo
from indexer.progress import Progress
from tests.support.tiny_models import save_tiny


def test_sections_begin_at_headings_once_there_is_enough() -> None:
    first = "First part\n==========\n\n" + "one " * 1000
    second = "\nSecond *part*\n-------------\n\ntwo\n----\n"
    third = "Third\n~~~~~\n"
    assert demo.sections("Intro\n\n" + first + second + third) == ["Intro\n\n" + first + "\n", second[1:] + third]


def test_every_topic_of_the_documentation_is_kept_whole() -> None:
    for text in pydoc_data.topics.topics.values():
        assert "".join(demo.sections(text)) == text


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gluscope"


@pytest.mark.slow
def test_the_demo_shows_a_telling_neuron_and_commands_that_work(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "tiny"
    save_tiny(model, "llama")
    assert run(["demo", "--model", str(model)]) == 0
    out, err = capsys.readouterr()
    made = demo_path(str(model))
    assert made.parent == cache
    with indexer.open(made) as index:
        info = index.info()
        telling = index.telling_neuron
        assert telling is not None
        assert info.corpus["tokens"] >= demo.TOKENS == 20_000
        topics = [json.loads(line)["text"] for line in (cache / "python-topics.jsonl").read_text().splitlines()]
        assert "".join(topics) == "".join(pydoc_data.topics.topics.values())
        assert telling.name in out
    commands = [line.strip() for line in (out + err).splitlines() if line.startswith("  gluscope ")]
    assert len(commands) >= 3
    for command in commands:
        if not command.startswith("gluscope tui"):
            assert run(command.split()[1:]) == 0
            assert capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_runs_no_model_again_if_its_index_exists(cache: Path, tmp_path: Path) -> None:
    model = tmp_path / "tiny"
    save_tiny(model, "llama")
    reports: list[Progress] = []
    first = demo.make_demo(str(model), progress=reports.append)
    assert any(report.phase == "indexing" for report in reports)
    shutil.rmtree(model)
    reports.clear()
    before = first.stat().st_mtime_ns
    assert demo.make_demo(str(model), progress=reports.append) == first
    assert first.stat().st_mtime_ns == before
    assert not reports
    assert first.parent == cache
