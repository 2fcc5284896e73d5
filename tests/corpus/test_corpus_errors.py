"""A corpus refuses bad input by name, with the place and the fix, if possible before a document is requested."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from indexer.corpus import open_corpus
from indexer.errors import GluscopeError

NOISE = os.urandom(1 << 17)


def parquet_bytes(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


Case = tuple[str, bytes, str]

BEFORE_READING: dict[str, Case] = {
    "binary: not UTF-8": ("bad", b"ab\x89PNG", "{path} is not UTF-8 text: byte 0x89 at offset 2"),
    "binary: mostly controls": ("bad", bytes(100), "{path} is a binary file, not text (100 control bytes"),
    "binary: an archive": ("bad.gz", gzip.compress(b"x" * 257 + b"ustar" + b"x" * 300), "{path} is a binary file"),
    "UTF-16 without its mark": ("bad", ("text " * 99).encode("utf-16-le"), "{path} is a binary file"),
    "gzip that is no gzip": ("bad.gz", b"plain text", "{path} can't be decompressed as .gz"),
    "zstd that is no zstd": ("bad.zst", b"plain text", "{path} can't be decompressed as .zst"),
    "gzip cut short at once": ("bad.gz", gzip.compress(NOISE)[:100], "{path} is cut short"),
    "JSON lines: column missing": (
        "bad.jsonl",
        b'\n{"body": "x", "n": 1}\n',
        "{path}, line 2 has no column 'text'; it has: body, n",
    ),
    "JSON lines: broken": ("bad.jsonl", b'{"text": "x\n', "{path}, line 1 is broken JSON: "),
    "JSON lines: deeply nested": ("bad.jsonl", b"[" * 200_000, "{path}, line 1 is broken JSON: "),
    "JSON lines: no object": ("bad.jsonl", b'["text"]\n', "{path}, line 1 holds a list, not an object"),
    "JSON lines: no text": ("bad.jsonl", b'{"text": [1]}\n', "{path}, line 1: column 'text' holds a list, not text"),
    "JSON lines: binary": ("bad.jsonl", bytes(100), "{path} is a binary file"),
    "JSON lines: not UTF-8": ("bad.jsonl", b'{"text": "\xff"}\n', "{path} is not UTF-8 text: byte 0xff at offset 10"),
    "CSV: column missing": ("bad.csv", b"a,b\n1,2\n", "{path} has no column 'text'; it has: a, b"),
    "Parquet: column missing": (
        "bad.parquet",
        parquet_bytes(**{f"c{n}": [n] for n in range(9)}),
        "{path} has no column 'text'; it has: c0, c1, c2, c3, c4, c5, c6, c7, ...",
    ),
    "Parquet: no texts": ("bad.parquet", parquet_bytes(text=[1, 2]), "{path}: column 'text' holds int64, not text"),
    "Parquet: cut short": ("bad.parquet", parquet_bytes(text=["a"] * 99)[:-9], "{path} is not a complete Parquet file"),
    "Parquet: empty": ("bad.parquet", b"", "{path} is not a complete Parquet file"),
    "CSV: two columns of the name": ("bad.csv", b"text,id,text\na,1,b\n", "{path} has several columns 'text'"),
    "TSV: two columns of the name": ("bad.tsv", b"text\ttext\na\tb\n", "{path} has several columns 'text'"),
    "JSON lines: the field twice": (
        "bad.jsonl",
        b'{"text": "a", "id": 1, "text": "b"}\n',
        "{path}, line 1 has several fields 'text'",
    ),
    "JSON: the field twice": ("bad.json", b'[{"text": "a", "text": "b"}]', "{path} has several fields 'text'"),
    "UTF-16: undefined characters": (
        "bad.txt",
        codecs.BOM_UTF16_LE + b"a\x00\xff\xff" * 9,
        "{path} begins with the mark of UTF-16, but is not such text: 9 of its first 18 characters",
    ),
    "UTF-16: control bytes": (
        "bad.txt",
        codecs.BOM_UTF16_LE + b"\x01\x00\x02\x00\x03\x00",
        "{path} begins with the mark of UTF-16, but is not such text: 3 of its first 3 characters",
    ),
    "UTF-16: noise": ("bad.txt", codecs.BOM_UTF16_LE + NOISE, "{path} begins with the mark of UTF-16, but is not"),
    "UTF-32: noise": ("bad.txt", codecs.BOM_UTF32_LE + NOISE, "{path} begins with the mark of UTF-32, but is not"),
    "no text: one empty file": ("bad.txt", b"", "there is no text in {path} (1 empty document)"),
    "no text: a header alone": ("bad.csv", b"text\n", "there is no text in {path} (no document)"),
    "no text: empty lines": (
        "bad.jsonl",
        b'{"text": ""}\n{"text": null}\n',
        "there is no text in {path} (2 empty documents)",
    ),
}


@pytest.mark.parametrize("case", BEFORE_READING.values(), ids=BEFORE_READING)
def test_what_can_be_known_at_once_is_refused_at_once(tmp_path: Path, case: Case) -> None:
    name, data, message = case
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(GluscopeError) as refused:
        open_corpus([path])
    assert refused.value.cause.startswith(message.format(path=path))
    assert refused.value.fix
    assert len(str(refused.value).splitlines()) == 2


WHILE_READING: dict[str, Case] = {
    "text not UTF-8 far in": (
        "bad.txt",
        b"a" * 10_000 + b"\xe9t\xe9",
        "{path} is not UTF-8 text: byte 0xe9 at offset 10000",
    ),
    "UTF-16 cut short": ("bad.txt", "ab".encode("utf-16")[:-1], "{path} is not UTF-16 text: byte 0x62 at offset 4"),
    "gzip cut short": (
        "bad.jsonl.gz",
        gzip.compress(b'{"text": "x"}\n' + NOISE.hex().encode())[:-99],
        "{path} is cut short",
    ),
    "gzip with a wrong sum": (
        "bad.txt.gz",
        gzip.compress(b"text" * 9000)[:-8] + bytes(8),
        "{path} can't be decompressed as .gz",
    ),
    "zstd cut short": (
        "bad.jsonl.zst",
        zstandard.compress(b'{"text": "x"}\n' + NOISE.hex().encode())[:-99],
        "{path} is cut short",
    ),
    "JSON lines: column missing": (
        "bad.jsonl",
        b'{"text": "x"}\n\n{"body": "x"}\n',
        "{path}, line 3 has no column 'text'",
    ),
    "JSON lines: broken": (
        "bad.jsonl",
        b'{"text": "x"}\n{"text": x}\n',
        "{path}, line 2 is broken JSON: Expecting value",
    ),
    "JSON lines: a number with too many digits": (
        "bad.jsonl",
        b'{"text": "x"}\n{"text": ' + b"9" * 5000 + b"}\n",
        "{path}, line 2 is broken JSON: Exceeds the limit",
    ),
    "JSON lines: not UTF-8": (
        "bad.jsonl",
        b'{"text": "x"}\n' * 1000 + b'{"text": "\xff"}\n',
        "{path}, line 1001 is not UTF-8 text: byte 0xff at offset 14010",
    ),
    "CSV: a short row": ("bad.csv", b'n,text\n1,"x\ny"\n\n2\n', "{path}, row 2 (line 5) has 1 of 2 fields"),
    "CSV: an open quote": ("bad.csv", b'text\nx\n"y\nz\n', "{path}, line 4 is broken CSV: unexpected end of data"),
    "CSV: not UTF-8": (
        "bad.csv",
        b"text\nx\n" + b"y" * 9000 + b"\n\xff\n",
        "{path}, line 4 is not UTF-8 text: byte 0xff at offset 9008",
    ),
    "Parquet: not UTF-8": (
        "bad.parquet",
        parquet_bytes(text=pyarrow.array([b"x", b"\xff"])),
        "{path}, row 2 is not UTF-8 text",
    ),
}


@pytest.mark.parametrize("case", WHILE_READING.values(), ids=WHILE_READING)
def test_what_shows_itself_while_reading_is_refused_with_its_place(tmp_path: Path, case: Case) -> None:
    name, data, message = case
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(GluscopeError) as refused:
        list(open_corpus([path]))
    assert refused.value.cause.startswith(message.format(path=path))
    assert refused.value.fix
    assert len(str(refused.value).splitlines()) == 2


def test_a_damaged_page_of_a_parquet_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": [NOISE.hex()]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[4:40] = b"\xff" * 36  # the header of the first page
    path.write_bytes(data)
    with pytest.raises(GluscopeError, match="is not a complete Parquet file"):
        list(open_corpus([path]))


def test_a_table_in_a_folder_is_checked_before_reading(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "sub").mkdir()
    for name, data in {
        "z.csv": b"body\nx\n",
        "z.parquet": parquet_bytes(body=["x"]),
        "z.jsonl": b'{"body": "x"}',
    }.items():
        (tmp_path / "sub" / name).write_bytes(data)
        with pytest.raises(GluscopeError, match=f"sub/{name}.* has no column 'text'; it has: body"):
            open_corpus([tmp_path])
        (tmp_path / "sub" / name).unlink()


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(GluscopeError, match="holds no file"):
        open_corpus([tmp_path])


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(100))
    with pytest.raises(GluscopeError, match=r"there is no text in .* \(no document\)"):
        open_corpus([tmp_path])


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GluscopeError, match=r"no file matches .*\*\.txt"):
        open_corpus([tmp_path / "*.txt"])


def test_a_name_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GluscopeError, match=r"missing\.txt' does not exist"):
        open_corpus([tmp_path / "missing.txt"])


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(GluscopeError, match="link' can't be read: No such file"):
        open_corpus([tmp_path / "link"])


def test_a_file_that_the_system_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("text")

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("indexer.corpus.streams.io.FileIO", refuse)
    with pytest.raises(GluscopeError, match=r"a\.txt can't be read: Input/output error"):
        open_corpus([tmp_path / "a.txt"])


def test_a_file_in_a_folder_that_may_not_be_read_is_named_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("text")
    # tests may run as root, whom modes don't stop
    monkeypatch.setattr("indexer.corpus.rows.os.access", lambda path, _: not path.endswith("b.txt"))
    with pytest.raises(GluscopeError, match=r"b\.txt can't be read: Permission denied"):
        open_corpus([tmp_path])


def test_many_empty_documents_before_the_end_of_peeking_are_refused_when_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": ""}\n' * 3000)
    corpus = open_corpus([path])
    with pytest.raises(GluscopeError, match="3000 empty documents"):
        list(corpus)


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "no text in -"), (b"\xff", "standard input is not UTF-8 text: byte 0xff")]
)
def test_standard_input_without_text_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(GluscopeError, match=message):
        open_corpus(["-"])


@pytest.mark.parametrize(
    ("open_it", "message"),
    [
        (lambda: open_corpus([]), "there is no text to read"),
        (lambda: open_corpus(["a.txt"], dataset="some/set"), "both text"),
        (lambda: open_corpus(["-", "-"]), "named twice"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(open_it: Callable[[], object], message: str) -> None:
    with pytest.raises(GluscopeError, match=message):
        open_it()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "{folder}/nowhere"}, "can't be read: Couldn't find any data file"),
        ({"split": "other"}, "can't be read: Bad split: other"),
        ({"config": "other"}, "can't be read: BuilderConfig 'other' not found"),
        ({"column": "other"}, "has no column 'other'; it has: text"),
        ({"dataset": "not a name!"}, "can't be read: Repo id"),
    ],
)
def test_a_data_set_that_cannot_be_had_is_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "x"}))
    asked = {"dataset": str(tmp_path)} | {key: value.format(folder=tmp_path) for key, value in options.items()}
    with pytest.raises(GluscopeError, match=message) as refused:
        open_corpus([], **asked)  # type: ignore[arg-type]  # only strings here
    assert len(str(refused.value).splitlines()) == 2


class TooLarge(io.RawIOBase):
    """A stream that no memory holds."""

    def __init__(self) -> None:
        super().__init__()
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._read > 1 << 20:
            raise MemoryError
        self._read += len(buffer)
        buffer[:] = b"a" * len(buffer)
        return len(buffer)


def test_a_text_larger_than_memory_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.txt.gz"
    path.write_bytes(gzip.compress(b"text"))
    corpus = open_corpus([path])
    monkeypatch.setattr("indexer.corpus.streams.gzip.GzipFile", lambda **_: TooLarge())
    with pytest.raises(GluscopeError, match=r"huge.txt.gz does not fit into memory as one document"):
        list(corpus)


def test_two_columns_of_the_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    columns = [pyarrow.array(["a"]), pyarrow.array(["b"])]
    pyarrow.parquet.write_table(pyarrow.table(columns, names=["text", "text"]), path)
    with pytest.raises(GluscopeError, match="has several columns 'text'"):
        open_corpus([path])


def test_a_data_set_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{tmp_path.name}.py").write_text("import datasets\n")
    with pytest.raises(GluscopeError, match="can't be read: Dataset scripts are no longer supported"):
        open_corpus([], dataset=str(tmp_path))
