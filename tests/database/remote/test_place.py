"""Addresses of indexes: which there are, what they stand for, and what messages have of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.database.remote.place import downloaded, find_place, is_remote, shown
from indexer.errors import GluscopeError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("https://example.org/a b.db".replace(" ", "%20"), "https://example.org/a%20b.db"),
        ("https://example.org/ü.db?sig=a%2Fb", "https://example.org/%C3%BC.db?sig=a%2Fb"),
        ("HTTP://127.0.0.1:80/x.db", "http://127.0.0.1:80/x.db"),
        ("hf://datasets/me/data/x.db", "https://huggingface.co/datasets/me/data/resolve/main/x.db"),
        ("hf://datasets/me/data/in/x.db@v1", "https://huggingface.co/datasets/me/data/resolve/v1/in/x.db"),
        ("hf://datasets/me/data/x.db@refs/pr/1", "https://huggingface.co/datasets/me/data/resolve/refs%2Fpr%2F1/x.db"),
    ],
)
def test_an_address_becomes_the_one_to_ask(name: str, url: str) -> None:
    assert is_remote(name)
    assert find_place(name).url == url


@pytest.mark.parametrize(
    "name",
    ["https://", "https://host", "https://host/", "https://a:b@host/x.db", "http://h:x/y.db", "https://h/a b.db",
     "hf://me/data/x.db", "hf://datasets/me/x.db", "hf://datasets/me/data/../x.db",
     "ftp://host/x.db", "s3://bucket/x.db", "file:///x.db"],
)  # fmt: skip
def test_what_is_no_address_of_a_file_is_refused(name: str) -> None:
    with pytest.raises(GluscopeError) as told:
        find_place(name)
    assert "a:b" not in str(told.value)


@pytest.mark.parametrize("name", ["x.db", "/tmp/https/x.db", "https:/x.db", "", "a b://x.db"])
def test_a_path_is_no_address(name: str) -> None:
    assert not is_remote(name)


def test_messages_have_no_query() -> None:
    assert shown("https://example.org/x.db?token=secret") == "https://example.org/x.db?..."
    assert "secret" not in repr(find_place("hf://datasets/me/data/x.db"))


@pytest.mark.parametrize(
    ("name", "plain"),
    [("http://example.org/x.db", True), ("http://127.0.0.1/x.db", False), ("http://[::1]/x.db", False),
     ("http://localhost:8/x.db", False), ("https://example.org/x.db", False)],
)  # fmt: skip
def test_an_address_without_encryption_is_known(name: str, plain: bool) -> None:
    assert find_place(name).is_plain is plain


def test_the_hub_is_asked_with_the_settings_of_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "token").write_text("hf_abc\n")
    place = find_place("hf://datasets/me/data/x.db")
    assert place.url == "https://mirror.example/datasets/me/data/resolve/main/x.db"
    assert place.token == "hf_abc"
    assert "hf_abc" not in repr(place)
    monkeypatch.setenv("HF_TOKEN", "hf_def")
    assert find_place("hf://datasets/me/data/x.db").token == "hf_def"
    assert find_place("https://mirror.example/x.db").token == ""


def test_our_settings_of_the_hub_are_those_of_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    place = find_place("hf://datasets/me/data/in/x.db@refs/pr/1")
    assert place.url == hub.hf_hub_url("me/data", "in/x.db", repo_type="dataset", revision="refs/pr/1")
    monkeypatch.setenv("HF_TOKEN", " hf_abc\n")
    assert find_place("hf://datasets/me/data/x.db").token == hub.get_token()


def test_a_file_that_the_hub_has_downloaded_is_read_from_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "datasets--me--data"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    path = folder / "snapshots" / COMMIT / "x.db"
    path.write_bytes(b"x")
    assert downloaded(find_place(f"hf://datasets/me/data/x.db@{COMMIT}")) == str(path)
    assert downloaded(find_place("hf://datasets/me/data/x.db")) == ""  # the branch may have moved on
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert downloaded(find_place("hf://datasets/me/data/x.db")) == str(path)
    assert downloaded(find_place("hf://datasets/me/data/y.db")) == ""
