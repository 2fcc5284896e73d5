"""Commands that write are killed at random moments: nothing is lost, and the same command ends as if it never was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..support.small_runs import save_model, write_corpus
from .test_chats import CHATS, give_template, write


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """In a process of its own, which has no threads that a fork would lack. See `tests/support/kills.py`."""
    model = save_model(tmp_path / "model")
    corpus = write_corpus(tmp_path / "texts.jsonl")
    command = [sys.executable, "-m", "tests.support.kills", "--model", str(model), "--times", "2", "--seed", "1"]
    done = subprocess.run(
        [*command, str(corpus), "--tokens", "300,900", "--batch-tokens", "64", "--context", "128", "--layers", "0"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 kills") == 8


@pytest.mark.slow
def test_nor_does_one_while_conversations_are_read(tmp_path: Path) -> None:
    model = give_template(save_model(tmp_path / "model"))
    corpus = write(tmp_path / "texts.jsonl", CHATS * 2)
    command = [sys.executable, "-m", "tests.support.kills", "--model", str(model), "--times", "2", "--seed", "2"]
    options = ["--column", "talk", "--roles", "assistant", "--sinks", "drop", "--batch-tokens", "160"]
    done = subprocess.run(
        [*command, str(corpus), "--only", "index --snapshot", "--tokens", "300,900", "--context", "48", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert "index --snapshot: 2 kills" in done.stdout
