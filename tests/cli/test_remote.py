"""Commands on an index on a server: those that read do, those that write refuse, and nothing secret is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.kept.files import index_folder
from tests.support.index_fixture import make_index
from tests.support.range_server import RangeServer, serving
from tests.support.weights_fixture import with_searches

READING = {
    "show": ["show", "L0N1", "L1N3", "-f", "json"],
    "picture": ["show", "L0N1", "-f", "svg"],
    "neurons": ["neurons", "--sort", "extreme_post_pp", "-f", "csv"],
    "search": ["search", "of"],
    "plot": ["plot", "frequency_pp", "extreme_post_pp", "-f", "json"],
    "marks": ["marks"],
}
WRITING = {
    "build": ["search", "--build"],
    "index": ["index", "model", "text.txt"],
    "weights": ["index", "model", "--weights-only"],
    "import": ["import", "gluscope", "folder"],
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wire")
    make_index(folder / "plain.db", layers=2, width=20)
    return with_searches(folder / "plain.db", folder / "tiny.db", ends=3, kinds=2, wires=2)


@pytest.fixture
def server(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("GLUSCOPE_CACHE_LIMIT", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(tiny) as server:
        yield server


@pytest.mark.parametrize("name", list(READING))
def test_a_reading_command_prints_the_same(
    server: RangeServer, tiny: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*READING[name], "--db", str(tiny)]) == 0
    expected = capsys.readouterr().out
    assert run([*READING[name], "--db", server.url()]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.slow
def test_info_and_doctor_name_the_address(server: RangeServer, capsys: pytest.CaptureFixture[str]) -> None:
    url = server.url("tiny.db?sig=secret")
    assert run(["info", url, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == server.url("tiny.db?...")
    assert run(["doctor", "--db", url]) == 0
    out = capsys.readouterr().out
    assert "read L0N0" in out
    assert server.url("tiny.db?...") in out
    assert "secret" not in out


def test_pages_are_exported_and_name_no_secret(
    server: RangeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["export", "html", "L0N1", "--out", str(tmp_path / "site"), "--db", server.url("tiny.db?sig=secret")]) == 0
    )
    assert "secret" not in capsys.readouterr().err
    pages = "".join(page.read_text() for page in (tmp_path / "site").glob("*.html"))
    assert "L0N1" in pages
    assert "secret" not in pages


def test_two_indexes_may_be_compared_over_the_wire(
    server: RangeServer, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "L0N1", "--db", str(tiny), "--beside", server.url(), "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", list(WRITING))
def test_a_writing_command_refuses_by_name(server: RangeServer, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*WRITING[name], "--db", server.url("x.db?sig=secret")]) == 2
    err = capsys.readouterr().err
    assert f"{server.url('x.db?...')} can only be read: it is on a server" in err
    assert "secret" not in err
    assert server.requests == 0


def test_marks_of_an_index_on_a_server_are_kept_by_its_address(
    server: RangeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["marks", "add", "L0N1", "--note", "far away", "--db", server.url()]) == 0
    capsys.readouterr()
    assert run(["marks", "--db", server.url()]) == 0
    assert "far away" in capsys.readouterr().out
    assert run(["marks", "--db", server.url("other.db")]) == 0
    assert "far away" not in capsys.readouterr().out
    folder = index_folder(server.url("tiny.db?sig=secret"))
    assert folder.is_relative_to(tmp_path / "state")
    assert folder.name.startswith("tiny-")
    assert "secret" not in str(folder)


def test_an_error_of_the_server_is_told_in_two_lines(server: RangeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.behaviour.token = "hf_something"
    assert run(["show", "L0N1", "--db", server.url("x.db?sig=secret")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert "wants to know who reads it (401)" in err
    assert "secret" not in err


def test_an_index_on_the_hub_is_read_with_its_token_and_endpoint(
    server: RangeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behaviour.token = "hf_something"
    monkeypatch.setenv("HF_ENDPOINT", server.origin)
    monkeypatch.setenv("HF_TOKEN", "hf_something")
    assert run(["show", "L0N1", "--db", "hf://datasets/me/data/in/tiny.db@v1"]) == 0
    out, err = capsys.readouterr()
    assert out
    assert "hf_something" not in out + err
    assert {one.path for one in server.seen} == {"/datasets/me/data/resolve/v1/in/tiny.db"}


def test_reading_without_encryption_is_said(capsys: pytest.CaptureFixture[str], server: RangeServer) -> None:
    import os

    os.environ["http_proxy"] = server.origin
    try:
        assert run(["show", "L0N1", "--db", "http://gluscope.example/tiny.db"]) == 0
    finally:
        del os.environ["http_proxy"]
    assert "http://gluscope.example/tiny.db is read without encryption" in capsys.readouterr().err


def test_what_is_kept_is_listed_and_removed(
    server: RangeServer, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    for name in ("one.db", "two.db"):
        assert run(["show", "L0N1", "--db", server.url(name)]) == 0
    capsys.readouterr()
    assert run(["cache", "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["index"] for one in found} == {server.url("one.db"), server.url("two.db")}
    assert all(0 < one["kept"] <= tiny.stat().st_size + 2**14 and one["size"] == tiny.stat().st_size for one in found)
    assert run(["cache", "clear", server.url("one.db")]) == 0
    assert run(["cache", "clear", server.url("one.db")]) == 2
    capsys.readouterr()
    assert run(["cache"]) == 0
    out, err = capsys.readouterr()
    assert server.url("two.db") in out
    assert "one.db" not in out
    assert "of at most 1 GB in" in err
    assert run(["cache", "clear"]) == 0
    monkeypatch.setenv("GLUSCOPE_CACHE_LIMIT", "lots")
    assert run(["cache"]) == 2
