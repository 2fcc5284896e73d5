"""JSON and tables under every name: a document an object, or a refusal; never a whole file as one text."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.corpus import open_corpus
from indexer.corpus.json_array import elements
from indexer.errors import GluscopeError

ROWS: list[dict[str, Any]] = [{"text": "one", "n": 1}, {"text": "two\nlines", "n": 2}, {"text": "drei ß"}]
TEXTS = ["one", "two\nlines", "drei ß"]


def read(*inputs: Path | str, column: str = "text") -> list[str]:
    return [document.text for document in open_corpus(inputs, column=column)]


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    "content",
    [as_lines(ROWS), b"\n\n" + as_lines(ROWS), json.dumps(ROWS).encode(), json.dumps(ROWS, indent=2).encode() + b"\n"],
    ids=["lines", "lines after blank ones", "array", "array over many lines"],
)
@pytest.mark.parametrize("name", ["x.json", "x.json.gz", "x.json.bz2", "x.json.xz", "x.json.zst", "x.json.zstd"])
def test_json_is_read_as_a_document_an_object_whatever_form_it_has(tmp_path: Path, name: str, content: bytes) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
    }
    pack |= dict.fromkeys((".zst", ".zstd"), zstandard.ZstdCompressor().compress)
    path = tmp_path / name
    path.write_bytes(pack.get(path.suffix, bytes)(content))
    assert read(path) == TEXTS
    assert read(tmp_path) == TEXTS


def test_sources_of_json_name_the_line_or_the_element(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\n\n" + as_lines(ROWS))
    assert [one.source for one in open_corpus([path])] == [f"{path}:{line}" for line in (3, 4, 5)]
    path.write_text(json.dumps(ROWS))
    assert [one.source for one in open_corpus([path])] == [f"{path}:{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("array", [True, False])
def test_json_of_every_encoding_with_a_mark_is_read(tmp_path: Path, encoding: str, array: bool) -> None:
    path = tmp_path / "x.json"
    text = json.dumps(ROWS, ensure_ascii=False) if array else as_lines(ROWS).decode()
    path.write_text(text, encoding=encoding)
    assert read(path) == TEXTS


def test_an_array_with_a_bad_byte_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    good = json.dumps([{"text": "x" * 1000}] * 100).encode()
    path.write_bytes(good[:90_000] + b"\xff" + good[90_000:])
    with pytest.raises(GluscopeError, match="byte 0xff at offset 90000"):
        read(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ('{\n "text": "one"\n}', "neither JSON lines nor an array"),
        ('"just a string"', "neither JSON lines nor an array"),
        ('{"body": "one"}', "line 1 has no column 'text'"),
        ('[{"body": "one"}]', "element 1 has no column 'text'"),
        ('[{"text": "one"}, 5]', "element 2 holds a number, not an object"),
        ('[{"text": "one"}, {"text": ', "broken JSON after element 1"),
        ('[{"text": "one"} {"text": "two"}]', "broken JSON after element 1"),
        ('[{"text": "one"}] more', "broken JSON after element 1"),
        ("[" * 100_000, "broken JSON"),
    ],
)
def test_named_json_that_is_something_else_is_refused(tmp_path: Path, content: str, cause: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(GluscopeError, match=cause):
        read(path)


def test_json_of_another_kind_in_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text")
    (tmp_path / "config.json").write_text('{\n "hidden_size": 3\n}')
    (tmp_path / "minified.json").write_text('{"name": "x", "version": "1"}')
    (tmp_path / "numbers.json").write_text("[1, 2]")
    heard: list[str] = []
    assert [one.text for one in open_corpus([tmp_path], notice=heard.append)] == ["a text"]
    assert heard == [f"left out of {tmp_path}: {tmp_path}/config.json and 2 more: no documents in a 'text' column"]


def test_a_table_with_tabs_is_read_by_its_column(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text('id\ttext\n1\tone, two\n2\t"with ""quotes"""\n')
    assert read(path) == ["one, two", 'with "quotes"']
    with pytest.raises(GluscopeError, match="no column 'body'; it has: id, text"):
        read(path, column="body")


def test_json_lines_on_standard_input_are_a_document_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def standard_input(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    standard_input(as_lines(ROWS))
    assert [(one.source, one.text) for one in open_corpus(["-"])] == [
        ("-:1", "one"),
        ("-:2", TEXTS[1]),
        ("-:3", TEXTS[2]),
    ]
    standard_input(b"{this} is prose\n" + as_lines(ROWS))
    assert len(read("-")) == 1
    standard_input(b'{"body": "one"}\n')
    with pytest.raises(GluscopeError, match="has no column 'text'"):
        read("-")


def test_a_column_that_no_input_has_a_use_for_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text")
    heard: list[str] = []
    list(open_corpus([tmp_path / "a.txt"], column="body", notice=heard.append))
    assert heard == ["--column body has no effect: no input has columns"]
    (tmp_path / "b.jsonl").write_text('{"body": "one"}\n')
    heard.clear()
    list(open_corpus([tmp_path], column="body", notice=heard.append))
    assert heard == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 9), st.sampled_from([None, 1]))
def test_elements_of_an_array_are_those_that_json_finds(values: list[Any], size: int, indent: int | None) -> None:
    text = json.dumps(values, indent=indent)
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(elements(iter(blocks))) == values


@pytest.mark.slow
def test_a_long_array_is_not_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"text": "x" * 1000}] * 20_000))  # 20 MB
    corpus = open_corpus([path])
    tracemalloc.start()
    assert sum(len(one.text) for one in corpus) == 20_000_000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_documents_with_half_a_surrogate_pair_are_told_and_counted(tmp_path: Path, suffix: str) -> None:
    rows = [
        r'{"text": "whole \ud83d\ude42 é"}',
        r'{"text": "half \ud83d"}',
        r'{"text": "fine", "other": "\ud83d"}',
        r'{"text": [{"role": "user", "content": "half \ude42"}]}',
    ]
    path = tmp_path / f"a.{suffix}"
    path.write_text("\n".join(rows) if suffix == "jsonl" else f"[{','.join(rows)}]")
    heard: list[str] = []
    assert len(list(open_corpus([path], notice=heard.append))) == 4
    where = "line" if suffix == "jsonl" else "element"
    assert heard == [f"{path}, {where} 2 and 1 more: half a surrogate pair stands alone, which is read as U+FFFD"]
