"""Folders with links, the hub's cache and deep trees: each file once, nothing hidden, nothing that stops the rest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from indexer.corpus import open_corpus
from indexer.errors import GluscopeError


def read(folder: Path, heard: list[str] | None = None) -> list[str]:
    notice = None if heard is None else heard.append
    return [document.text for document in open_corpus([folder], notice=notice)]


def test_a_file_with_several_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("text of b")
    (tmp_path / "a.txt").symlink_to("b.txt")
    os.link(tmp_path / "b.txt", tmp_path / "c.txt")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.txt").write_text("text of d")
    (tmp_path / "linked").symlink_to("sub")
    heard: list[str] = []
    assert read(tmp_path, heard) == ["text of b", "text of d"]
    assert heard == [f"left out of {tmp_path}: {tmp_path}/b.txt and 2 more: read already under another name"]


def test_a_file_is_read_once_however_many_arguments_lead_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fo").mkdir()
    for name in "ef":
        (tmp_path / "fo" / f"{name}.txt").write_text(f"text of {name}")
    monkeypatch.chdir(tmp_path)
    os.link("fo/e.txt", "g.txt")

    def heard(*inputs: str) -> list[str]:
        told: list[str] = []
        corpus = open_corpus(inputs, notice=told.append)
        for _ in range(2):
            assert sorted(document.text for document in corpus) == ["text of e", "text of f"]
        assert corpus.size == len("text of etext of f")
        assert told[: len(told) // 2] * 2 == told
        return told[: len(told) // 2]

    assert heard("fo", "fo/e.txt", "./fo/f.txt", "g.txt") == [
        "left out: fo/e.txt: read already",
        "left out: ./fo/f.txt: read already under another name",
        "left out: g.txt: read already under another name",
    ]
    assert heard("fo/*.txt", "fo") == ["left out of fo: fo/e.txt and 1 more: read already"]
    assert heard("fo/e.txt", "fo") == ["left out of fo: fo/e.txt: read already"]


def test_standard_input_that_is_a_file_already_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("text of a")
    told: list[str] = []
    with (tmp_path / "a.txt").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert len(list(open_corpus([tmp_path / "a.txt", "-"], notice=told.append))) == 1
        assert len(list(open_corpus(["-", tmp_path / "a.txt"], notice=told.append))) == 1
    other = "read already under another name"
    assert told == [f"left out: standard input: {other}", f"left out: {tmp_path}/a.txt: {other}"]


def test_a_binary_that_begins_like_utf_16_is_left_out_and_text_in_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("日本語 text".encode("utf-16"))
    (tmp_path / "b.dat").write_bytes(b"\xff\xfe" + bytes(range(256)) * 40)
    heard: list[str] = []
    assert read(tmp_path, heard) == ["日本語 text"]
    assert heard == [f"left out of {tmp_path}: {tmp_path}/b.dat: not text"]


def test_a_file_of_a_folder_that_turns_out_not_to_be_text_is_refused_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text of a")
    (tmp_path / "b.txt").write_bytes(b"begins as text. " * 1000 + b"caf\xe9")
    assert len(list(open_corpus([tmp_path]))) == 1
    with pytest.raises(GluscopeError, match=r"b\.txt is not UTF-8 text"):
        list(open_corpus([tmp_path, tmp_path / "b.txt"]))


def test_the_hubs_cache_gives_each_file_of_its_snapshots_once(tmp_path: Path) -> None:
    repository = tmp_path / "datasets--owner--name"
    for folder in ("blobs", "refs", "snapshots/first", "snapshots/second"):
        (repository / folder).mkdir(parents=True)
    (repository / "blobs" / "0a1b").write_text("the text")
    (repository / "refs" / "main").write_text("first")
    for snapshot in ("first", "second"):
        (repository / "snapshots" / snapshot / "a.txt").symlink_to("../../blobs/0a1b")
    heard: list[str] = []
    assert read(tmp_path, heard) == ["the text"]
    assert heard == [
        f"left out of {tmp_path}: {repository}/blobs: kept by the hub's cache beside the snapshots",
        f"left out of {tmp_path}: {repository}/snapshots/second/a.txt: read already under another name",
    ]


def test_a_link_that_leads_nowhere_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text of a")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    heard: list[str] = []
    assert read(tmp_path, heard) == ["text of a"]
    assert heard == [f"left out of {tmp_path}: {tmp_path}/gone.txt and 1 more: a link that leads nowhere"]


def test_a_link_back_up_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("text of a")
    (tmp_path / "sub" / "up").symlink_to("..")
    assert read(tmp_path) == ["text of a"]


@pytest.mark.slow
def test_a_deep_tree_is_read(tmp_path: Path) -> None:
    folder = os.fspath(tmp_path)
    for _ in range(1500):
        folder += "/d"
        os.mkdir(folder)
    with open(f"{folder}/a.txt", "w") as file:
        file.write("deep")
    try:
        assert read(tmp_path) == ["deep"]
    finally:  # what removes the folder in the end would recurse
        os.remove(f"{folder}/a.txt")
        while folder != os.fspath(tmp_path):
            os.rmdir(folder)
            folder = os.path.dirname(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(GluscopeError, match="locked' can't be read"):
        read(tmp_path)
