"""The corpus: which documents there are, in which order, from which source, and that they are read lazily."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.corpus import Document, open_corpus

TREE = ["a.txt", "a/b.txt", "a/c/d.md", "a-b.txt", "a0.rst", "B.py", "é.txt", "Z/1", "Z/10", "Z/2"]


def texts(*inputs: str | Path, **options: str) -> list[str]:
    return [document.text for document in open_corpus(inputs, **options)]  # type: ignore[arg-type]  # only strings here


def sources(*inputs: str | Path) -> list[str]:
    return [document.source for document in open_corpus(inputs)]


def plant(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}", encoding="utf-8")


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parquet(path: Path, **columns: object) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_folder_is_read_recursively_in_the_order_of_path_bytes(tmp_path: Path) -> None:
    plant(tmp_path, TREE)
    everything = [os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    assert sources(tmp_path) == sorted(everything, key=os.fsencode)
    assert texts(tmp_path) == [
        f"text of {os.path.relpath(path, tmp_path)}" for path in sorted(everything, key=os.fsencode)
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.text("ab-.0/", min_size=1, max_size=6).map(lambda name: "x/" + name), max_size=12))
def test_whatever_the_names_the_order_is_by_path_bytes(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for name in sorted(names | {"x/last"}):
        path = folder / os.path.normpath(name)
        if not path.exists() and not any(parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("some text")
    visible = [path for path in folder.rglob("*") if path.is_file() and "/." not in str(path)]
    assert sources(folder) == sorted(map(str, visible), key=os.fsencode)


def test_inputs_keep_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    plant(tmp_path, ["z.txt", "f/b.txt", "f/a.txt", "a.txt"])
    named = [tmp_path / "z.txt", tmp_path / "f", tmp_path / "a.txt"]
    assert texts(*named) == [f"text of {name}" for name in ("z.txt", "f/a.txt", "f/b.txt", "a.txt")]
    assert [document.number for document in open_corpus(named)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a-b.txt", "a.txt", "é.txt"]),
        ("**/*.txt", ["a-b.txt", "a.txt", "a/b.txt", "é.txt"]),
        ("[aZ]*/*", ["Z/1", "Z/10", "Z/2", "a/b.txt", "a/c/d.md"]),
        ("**", sorted(TREE, key=os.fsencode)),  # folders and their files: no file twice
        ("Z", ["Z/1", "Z/10", "Z/2"]),
    ],
)
def test_globs_are_expanded_recursively_and_sorted(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    plant(tmp_path, TREE)
    assert sources(tmp_path / pattern) == [str(tmp_path / name) for name in expected]


def test_a_file_whose_name_looks_like_a_glob_is_read_as_that_file(tmp_path: Path) -> None:
    plant(tmp_path, ["a[1].txt", "a1.txt"])
    assert texts(tmp_path / "a[1].txt") == ["text of a[1].txt"]


def test_hidden_files_and_folders_are_passed_over_in_folders_but_read_when_named(tmp_path: Path) -> None:
    plant(tmp_path, ["a.txt", ".hidden.txt", ".git/config", "b/.x/y.txt"])
    assert texts(tmp_path) == ["text of a.txt"]
    assert texts(tmp_path / ".hidden.txt", tmp_path / ".git") == ["text of .hidden.txt", "text of .git/config"]


def test_files_that_are_not_text_are_passed_over_in_folders_with_one_notice(tmp_path: Path) -> None:
    plant(tmp_path, ["a.txt", "z.txt"])
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "c.bin").write_bytes(bytes(5000))
    (tmp_path / "d.txt").write_bytes(b"a" * 20_000 + "café".encode("latin-1"))  # shows itself far into the file
    heard: list[str] = []
    assert [document.text for document in open_corpus([tmp_path], notice=heard.append)] == [
        "text of a.txt",
        "text of z.txt",
    ]
    assert heard == [
        f"left out of {tmp_path}: {tmp_path}/b.png and 1 more: not text",
        f"left out of {tmp_path}: {tmp_path}/d.txt: text that is not UTF-8 (iconv -f latin1 -t utf-8 converts it)",
    ]


def test_an_unfinished_iteration_tells_what_it_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, ["b.txt", "c.txt"])
    (tmp_path / "a.bin").write_bytes(bytes(100))
    heard: list[str] = []
    documents = iter(open_corpus([tmp_path], notice=heard.append))
    next(documents)
    assert heard == []
    del documents
    assert heard == [f"left out of {tmp_path}: {tmp_path}/a.bin: not text"]


def test_the_index_that_is_being_made_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, ["a.txt", "my.db", "my.db.run/state.json", "sub/my.db"])
    monkeypatch.chdir(tmp_path)
    for pattern in (".", "**"):
        corpus = open_corpus([pattern], skip=["my.db", tmp_path / "my.db.run"])
        assert [document.text for document in corpus] == ["text of a.txt", "text of sub/my.db"]


def test_linked_folders_are_followed_except_for_loops(tmp_path: Path) -> None:
    plant(tmp_path, ["here/a.txt", "there/b.txt"])
    (tmp_path / "here/link").symlink_to(tmp_path / "there")
    (tmp_path / "there/up").symlink_to(tmp_path / "here")
    (tmp_path / "here/broken").symlink_to(tmp_path / "nowhere")
    assert texts(tmp_path / "here") == ["text of here/a.txt", "text of there/b.txt"]


def test_text_is_kept_as_it_is(tmp_path: Path) -> None:
    text = "one\r\ntwo\rthree\n\n\x00 \x1b[31mred\x1b[0m 日本語 \u2028 \ufeff end"
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert texts(tmp_path / "a.txt") == [text]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_understood_and_dropped(tmp_path: Path, encoding: str) -> None:
    text = "grün 日本語\r\n\nend"
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    (tmp_path / "b.jsonl").write_bytes(json.dumps({"text": text}, ensure_ascii=False).encode(encoding))
    (tmp_path / "c.csv").write_bytes(f'text,n\n"{text}",1\n'.encode(encoding))
    assert texts(tmp_path) == [text, text, text]


@pytest.mark.parametrize("text", ["x", "\x00", "a\x00b", "\x1b[0m" * 100, "日" * 3000, "ß" * 8191 + "語"])
def test_odd_texts_are_texts(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").write_bytes(text.encode())
    assert texts(tmp_path / "odd") == [text]


def test_json_lines_are_documents_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"text": "one\\r\\ntwo", "n": 1}\r\n\n  \n{"n": 2, "text": ""}\n{"text": null}\n{"text": "\\ud800 \\u2028"}'
    )
    assert list(open_corpus([path])) == [
        Document(0, f"{path}:1", "one\r\ntwo"),
        Document(1, f"{path}:4", ""),
        Document(2, f"{path}:5", ""),
        Document(3, f"{path}:6", "\ud800 \u2028"),
    ]


def test_rows_of_a_csv_are_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "word " * 100_000  # more than the 131,072 characters that Python's reader takes by itself
    path.write_text(f'n,body\n1,plain\n2,"two\r\nlines, ""quoted"""\n\n3,\n4,{long}\n', newline="")
    assert list(open_corpus([path], column="body")) == [
        Document(0, f"{path}:1", "plain"),
        Document(1, f"{path}:2", 'two\r\nlines, "quoted"'),
        Document(2, f"{path}:3", ""),
        Document(3, f"{path}:4", long),
    ]


@pytest.mark.parametrize("kind", ["string", "large_string", "binary", "dictionary<values=string, indices=int32>"])
def test_rows_of_a_parquet_file_are_documents(tmp_path: Path, kind: str) -> None:
    cells = ["grün", "", None, *(f"row {row}" for row in range(700))]
    array = pyarrow.array(cells)
    column = array.dictionary_encode() if kind.startswith("dictionary") else array.cast(kind)
    path = parquet(tmp_path / "a.parquet", n=list(range(703)), text=column)
    expected = [Document(row, f"{path}:{row + 1}", cell or "") for row, cell in enumerate(cells)]
    assert list(open_corpus([path])) == expected


def gz(data: bytes) -> bytes:
    return gzip.compress(data[:9]) + gzip.compress(data[9:])  # members one after the other, as `cat` makes them


def zst(data: bytes) -> bytes:
    return zstandard.compress(data[:9]) + zstandard.compress(data[9:])


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gz), (".zst", zst), (".GZ", gz)])
def test_every_format_may_be_compressed(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["from a table"]}), table)
    plain = {
        "a.txt": b"from a text\r\n" * 2000,
        "b.jsonl": b'{"text": "from a line"}\n',
        "c.csv": b"text\nfrom a row\n",
        "d.parquet": table.getvalue(),
        "e": b"from a bare name",
    }
    for name, data in plain.items():
        (tmp_path / f"{name}{suffix}").write_bytes(compress(data))
    assert texts(tmp_path) == [
        "from a text\r\n" * 2000,
        "from a line",
        "from a row",
        "from a table",
        "from a bare name",
    ]


def test_empty_documents_keep_their_number(tmp_path: Path) -> None:
    for name, text in {"a": "", "b": "text", "c": "", "d": "\n"}.items():
        (tmp_path / name).write_text(text)
    assert [(document.number, document.text) for document in open_corpus([tmp_path])] == [
        (0, ""),
        (1, "text"),
        (2, ""),
        (3, "\n"),
    ]


def test_standard_input_is_one_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant(tmp_path, ["a.txt"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("from a pipe\r\n日".encode())))
    corpus = open_corpus([tmp_path / "a.txt", "-"])
    assert corpus.size is None  # it was not read yet
    expected = [Document(0, str(tmp_path / "a.txt"), "text of a.txt"), Document(1, "-", "from a pipe\r\n日")]
    assert list(corpus) == expected
    assert list(corpus) == expected  # it was kept
    assert corpus.size == len("text of a.txt") + len("from a pipe\r\n日".encode())


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    corpus = open_corpus([tmp_path / "pipe"])  # must not wait for a writer, nor take what it writes
    writer = subprocess.Popen(["sh", "-c", f"printf 'through a pipe' > '{tmp_path}/pipe'"])
    assert [document.text for document in corpus] == ["through a pipe"]
    assert writer.wait(10) == 0


def test_pipes_in_folders_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, ["a.txt"])
    os.mkfifo(tmp_path / "pipe")
    assert texts(tmp_path) == ["text of a.txt"]


def test_a_data_set_is_streamed(tmp_path: Path) -> None:
    jsonl(tmp_path / "train.jsonl", {"body": "one", "n": 1}, {"body": None, "n": 2}, {"body": "three", "n": 3})
    corpus = open_corpus([], dataset=str(tmp_path), column="body")
    assert list(corpus) == [
        Document(0, f"{tmp_path}:1", "one"),
        Document(1, f"{tmp_path}:2", ""),
        Document(2, f"{tmp_path}:3", "three"),
    ]
    assert corpus.describe() == {"dataset": str(tmp_path), "config": None, "split": "train", "column": "body"}


def test_the_datasets_library_is_imported_only_for_data_sets(tmp_path: Path) -> None:
    plant(tmp_path, ["a.txt"])
    code = (
        "import sys; from indexer.corpus import open_corpus; list(open_corpus([sys.argv[1]])); "
        "print({'datasets', 'torch', 'transformers', 'pyarrow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_a_corpus_can_be_iterated_again_and_gives_the_same(tmp_path: Path) -> None:
    plant(tmp_path, TREE)
    corpus = open_corpus([tmp_path])
    assert list(corpus) == list(corpus)


def test_it_says_where_the_text_came_from_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, ["docs/a.txt"])
    monkeypatch.chdir(tmp_path)
    corpus = open_corpus(["docs", "docs/*.txt"], column="body")
    assert json.loads(json.dumps(corpus.describe())) == {"inputs": ["docs", "docs/*.txt"], "column": "body"}
    assert [document.source for document in corpus] == ["docs/a.txt"]


def test_names_that_are_not_utf8_become_sources_that_are(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, b"caf\xe9.txt"), "wb") as file:
        file.write(b"text")
    (source,) = sources(tmp_path)
    assert source == f"{tmp_path}/caf\\xe9.txt"


def test_reading_is_lazy_and_tells_how_far_it_is(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *({"text": f"{row} " * 300} for row in range(5000)))
    corpus = open_corpus([path])
    documents = iter(corpus)
    lines = path.read_bytes().splitlines(keepends=True)
    assert corpus.size == sum(map(len, lines))
    assert [next(documents).read for _ in range(3)] == [sum(map(len, lines[:end])) for end in (1, 2, 3)]
    assert [document.read for document in documents][-1] == corpus.size


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"])
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, suffix: str) -> None:
    rows = [f"{row} " * 200 for row in range(10_000)]  # 10 MB
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        parquet(path, text=rows)
    else:
        lines = ["text", *rows] if suffix == "csv" else [json.dumps({"text": row}) for row in rows]
        data = "\n".join(lines).encode()
        path.write_bytes({"gz": gz, "st": zst}.get(suffix[-2:], bytes)(data))
    del rows
    corpus = open_corpus([path])
    tracemalloc.start()
    try:
        assert sum(1 for _ in corpus) == 10_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
