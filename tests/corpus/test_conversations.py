"""Columns with conversations, columns in columns, saved data sets and their splits."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from indexer.corpus import open_corpus
from indexer.errors import GluscopeError

TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]


def lines(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(*inputs: str, heard: list[str] | None = None, **options: Any) -> list[tuple[str, str, Any]]:
    corpus = open_corpus(inputs, notice=None if heard is None else heard.append, **options)
    return [(document.source, document.text, document.messages) for document in corpus]


def test_lists_of_messages_are_conversations_and_text_is_text(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", {"m": TALK}, {"m": json.dumps(TALK)}, {"m": []}, {"m": None}, {"m": PARTS})
    assert read(path, column="m") == [
        (f"{path}:1", "", tuple(TALK)),
        (f"{path}:2", json.dumps(TALK), None),
        (f"{path}:3", "", None),
        (f"{path}:4", "", None),
        (f"{path}:5", "", tuple(PARTS)),
    ]


def test_a_list_that_holds_no_messages_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", {"m": ["a"]})
    with pytest.raises(GluscopeError, match="column 'm' holds a list, not text or messages"):
        read(path, column="m")
    path = lines(tmp_path / "x.jsonl", {"m": TALK}, {"m": "hello"})
    with pytest.raises(GluscopeError, match="line 2: column 'm' holds a text, not messages"):
        read(path, column="m", chat="always")


def test_a_name_with_dots_is_a_field_in_a_column_unless_a_column_has_it(tmp_path: Path) -> None:
    rows = [{"meta": {"text": "a", "deep": {"er": "b"}}}, {"meta": None}]
    path = lines(tmp_path / "x.jsonl", *rows)
    assert [text for _, text, _ in read(path, column="meta.text")] == ["a", ""]
    assert [text for _, text, _ in read(path, column="meta.deep.er")] == ["b", ""]
    with pytest.raises(GluscopeError, match=r"line 1 in meta has no column 'meta.txt'; it has: text, deep"):
        read(path, column="meta.txt")
    path = lines(tmp_path / "y.jsonl", {"meta.text": "whole", "meta": {"text": "part"}})
    assert [text for _, text, _ in read(path, column="meta.text")] == ["whole"]


def test_parquet_holds_conversations_and_fields_too(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = [{"meta": {"text": "a", "n": 1}, "m": TALK}, {"meta": {"text": None, "n": 2}, "m": None}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert [text for _, text, _ in read(str(path), column="meta.text")] == ["a", ""]
    assert [messages for *_, messages in read(str(path), column="m")] == [tuple(TALK), None]
    with pytest.raises(GluscopeError, match="holds list"):
        read(str(path), column="m", chat="never")
    with pytest.raises(GluscopeError, match=r"in meta has no column 'meta.x'; it has: text, n"):
        read(str(path), column="meta.x")


def test_a_saved_data_set_is_read_from_its_folder(tmp_path: Path) -> None:
    rows = [{"meta": {"text": "a"}, "m": TALK}, {"meta": {"text": "b"}, "m": TALK}]
    one, both = str(tmp_path / "one"), str(tmp_path / "both")
    data = datasets.Dataset.from_list(rows)
    data.save_to_disk(one)
    datasets.DatasetDict({"train": data, "validation": data.select([1])}).save_to_disk(both)
    assert read(dataset=one, column="meta.text") == [(f"{one}:1", "a", None), (f"{one}:2", "b", None)]
    assert [messages for *_, messages in read(dataset=one, column="m")] == [tuple(TALK)] * 2
    assert read(dataset=both, split="validation", column="meta.text") == [(f"{both}:1", "b", None)]
    assert read(dataset=both, split="validation,train", column="meta.text") == [
        (f"{both}:validation:1", "b", None),
        (f"{both}:train:1", "a", None),
        (f"{both}:train:2", "b", None),
    ]
    for split, words in (
        ("test", "has no split 'test'; it has: train, validation"),
        ("train,train", "each split once"),
        (",", "each split once"),
    ):
        with pytest.raises(GluscopeError, match=words):
            read(dataset=both, split=split, column="m")
    with pytest.raises(GluscopeError, match="was saved without splits, not 'test'"):
        read(dataset=one, split="test", column="m")
    with pytest.raises(GluscopeError, match="has no column 'x'"):
        read(dataset=one, column="x")


def test_messages_that_a_data_set_gives_as_an_object_of_lists_are_a_conversation(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", {"m": {"role": ["user", "assistant"], "content": ["a", "b"]}})
    assert read(path, column="m") == [(f"{path}:1", "", tuple(TALK))]


def test_hidden_files_and_other_encodings_are_named_in_lines_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text of a")
    (tmp_path / "b.png").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "c.txt").write_bytes("très".encode("latin-1"))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".hidden.txt").write_text("hidden")
    heard: list[str] = []
    assert [text for _, text, _ in read(str(tmp_path), heard=heard)] == ["text of a"]
    assert heard == [
        f"left out of {tmp_path}: {tmp_path}/.git and 1 more: hidden",
        f"left out of {tmp_path}: {tmp_path}/b.png: not text",
        f"left out of {tmp_path}: {tmp_path}/c.txt: text that is not UTF-8 (iconv -f latin1 -t utf-8 converts it)",
    ]


def test_a_pipe_that_nothing_writes_to_is_said_to_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.corpus.streams._PATIENCE", 20)
    pipe = str(tmp_path / "pipe.txt")
    os.mkfifo(pipe)
    told = threading.Event()
    heard: list[str] = []

    def notice(message: str) -> None:
        heard.append(message)
        told.set()

    def write() -> None:
        told.wait(10)
        Path(pipe).write_text("late")

    writer = threading.Thread(target=write)
    writer.start()
    assert [document.text for document in open_corpus([pipe], notice=notice)] == ["late"]
    writer.join()
    assert heard == [f"waiting for something to write to {pipe}, a pipe"]


def test_where_every_document_is_a_conversation_plain_text_is_refused_and_left_out_of_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("the cat sat")
    (tmp_path / "b.jsonl").write_text('{"text": [{"role": "user", "content": "the mat"}]}\n')
    heard: list[str] = []
    corpus = open_corpus([tmp_path], chat="always", notice=heard.append)
    assert [document.messages is not None for document in corpus] == [True]
    assert heard == [
        f"left out of {tmp_path}: {tmp_path}/a.txt: plain text, not conversations as --chat always has them"
    ]
    with pytest.raises(GluscopeError, match=r"a\.txt is plain text") as refused:
        open_corpus([tmp_path / "a.txt"], chat="always")
    assert "--column" not in str(refused.value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the cat sat")))
    with pytest.raises(GluscopeError, match="standard input is plain text"):
        open_corpus(["-"], chat="always")


def test_a_field_twice_in_an_object_within_is_refused_only_where_the_column_leads(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"meta": {"text": "a", "text": "b"}, "id": 1, "id": 2}\n')
    with pytest.raises(GluscopeError, match="line 1 has several fields 'text'"):
        open_corpus([path], column="meta.text")
    path.write_text('{"text": "says \\"text\\" twice: \\"text\\"", "id": 1, "id": 2}\n')
    assert [document.text for document in open_corpus([path])] == ['says "text" twice: "text"']
