"""A user's mistake is reported in two lines, with exit code 2, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from gluscope_tui.cli.app import run

from ..support.small_runs import TEXTS, make, save_model, write_corpus
from ..support.tiny_models import VOCABULARY, tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

Arguments = list[str]
Case = tuple[Callable[[Path], Arguments], str]
"""Given a folder with `model`, `texts.jsonl` and `x.db`, the arguments; and words of what is said."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    make(save_model(folder / "model"), write_corpus(folder / "texts.jsonl"), folder / "x.db")
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A folder of its own with a model, a corpus and an index."""
    return shutil.copytree(prepared, tmp_path / "folder")


def text(name: str, content: bytes, *options: str) -> Callable[[Path], Arguments]:
    """Index a file with that content."""

    def arguments(folder: Path) -> Arguments:
        (folder / name).write_bytes(content)
        return [str(folder / "model"), str(folder / name), *options]

    return arguments


def option(*options: str) -> Callable[[Path], Arguments]:
    return lambda folder: [str(folder / "model"), str(folder / "texts.jsonl"), *options]


def model(change: Callable[[Path], None]) -> Callable[[Path], Arguments]:
    """Index with a model that was changed."""

    def arguments(folder: Path) -> Arguments:
        change(folder / "model")
        return [str(folder / "model"), str(folder / "texts.jsonl")]

    return arguments


def output(prepare: Callable[[Path], str]) -> Callable[[Path], Arguments]:
    """Index into the file that `prepare` names."""
    return lambda folder: [*option()(folder), "--db", prepare(folder)]


def save(config: Any) -> Callable[[Path], None]:
    def replace(model: Path) -> None:
        shutil.rmtree(model)
        auto: Any = transformers.AutoModelForCausalLM
        auto.from_config(config).save_pretrained(model)
        tiny_tokenizer().save_pretrained(model)

    return replace


def pickle(model: Path) -> None:
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()


def truncate(model: Path) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def nan(model: Path) -> None:
    """Values are NaN at a token that only document 12 has."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    (id_,) = tokenizer("\x00", add_special_tokens=False)["input_ids"]
    weights = load_file(model / "model.safetensors")
    weights["model.embed_tokens.weight"][id_] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def parquet(folder: Path) -> Arguments:
    pyarrow.parquet.write_table(pyarrow.table({"body": ["a", "b"]}), folder / "t.parquet")
    return [str(folder / "model"), str(folder / "t.parquet")]


def other_database(folder: Path) -> str:
    with sqlite3.connect(folder / "other.db") as connection:
        connection.execute("CREATE TABLE neurons (id)")
    return str(folder / "other.db")


def file_in_the_way(folder: Path) -> str:
    (folder / "new.db.run").write_text("not a folder")
    return str(folder / "new.db")


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def notes(folder: Path) -> str:
    (folder / "notes.txt").write_text("my notes")
    return str(folder / "notes.txt")


GPT2 = transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2)
MIXTRAL = transformers.MixtralConfig(
    vocab_size=VOCABULARY,
    hidden_size=16,
    intermediate_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    num_local_experts=2,
)
DOGE = transformers.DogeConfig(
    vocab_size=VOCABULARY,
    hidden_size=16,
    intermediate_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    is_moe=True,
    num_experts=4,
    num_experts_per_tok=1,
)
LINES = "".join(json.dumps({"text": one}) + "\n" for one in TEXTS * 50)

INDEX: dict[str, Case] = {
    "no model": (lambda folder: [str(folder / "none"), str(folder / "texts.jsonl")], "there is no model at"),
    "a model that isn't gated": (model(save(GPT2)), "is not gated"),
    "an expert that isn't there": (
        lambda folder: [*model(save(MIXTRAL))(folder), "--experts", "0,7"],
        "no expert 7",
    ),
    "experts that can't be read": (model(save(DOGE)), "it adds experts of one neuron each to a gated MLP"),
    "a pickle": (model(pickle), "pickle"),
    "cut weights": (model(truncate), "truncated or damaged"),
    "NaN": (model(nan), "L0: a value is NaN or infinite in document 12 "),
    "no tokenizer": (model(lambda folder: (folder / "tokenizer.json").unlink()), "tokenizer"),
    "no GGUF": (lambda folder: [notes(folder), notes(folder)], "is not a GGUF file"),
    "no text given": (lambda folder: [str(folder / "model")], "there is no text to index"),
    "no such text": (lambda folder: [str(folder / "model"), str(folder / "none.txt")], "does not exist"),
    "no match": (lambda folder: [str(folder / "model"), str(folder / "*.none")], "no file matches"),
    "an empty text": (text("empty.txt", b""), "there is no text in"),
    "empty documents": (text("empty.jsonl", b'{"text": ""}\n{"text": null}\n'), "2 empty documents"),
    "a binary": (text("image.txt", bytes(range(256)) * 4), "not"),
    "Latin-1": (text("latin.txt", "Größe".encode("latin-1")), "byte 0xf6"),
    "no column": (text("a.jsonl", b'{"body": "a"}\n'), "no column 'text'; it has: body"),
    "another column": (text("a.jsonl", b'{"text": "a"}\n', "--column", "body"), "no column 'body'; it has: text"),
    "a broken line": (text("a.jsonl", b'{"text": "a"}\n{"text": "b"}\n{"text": "c\n'), "a.jsonl, line 3 is broken"),
    "a late broken line": (text("a.jsonl", f"{LINES}[".encode()), f"a.jsonl, line {len(TEXTS) * 50 + 1}"),
    "a column of numbers": (text("a.jsonl", b'{"text": 3}\n'), "holds a number, not text"),
    "a table without the column": (text("a.csv", b"body,title\n1,2\n"), "no column 'text'; it has: body, title"),
    "Parquet without the column": (parquet, "no column 'text'; it has: body"),
    "a cut archive": (text("a.txt.gz", gzip.compress(b"some text" * 99)[:-12]), "a.txt.gz"),
    "text and a data set": (option("--dataset", "some/thing"), "both text"),
    "a missing layer": (option("--layers", "0,7"), "no gated MLP in layer 7"),
    "an unknown ranking": (option("--rank-by", "loud"), "unknown ranking 'loud'"),
    "an unknown dtype": (option("--dtype", "float7"), "unknown dtype 'float7'"),
    "an unknown device": (option("--device", "abacus"), "unknown device 'abacus'"),
    "an absent device": (option("--device", "cuda:99"), "there is no device cuda:99"),
    "no room": (option("--context", "1"), "--context"),
    "no tokens": (option("--tokens", "0"), "--tokens"),
    "no batch": (option("--batch-tokens", "0"), "--batch-tokens"),
    "too large a seed": (option("--seed", str(2**63)), "--seed"),
    "too long lists": (option("--top-k", "5000"), "--top-k"),
    "too wide windows": (option("--context", "200000", "--window", "70000,0"), "--window"),
    "no shard": (option("--shard", "3/2"), "--shard"),
    "a folder as output": (output(lambda folder: str(folder)), "is a folder"),
    "output in no folder": (output(lambda folder: str(folder / "none" / "x.db")), "does not exist"),
    "output in a file": (output(lambda folder: str(folder / "x.db" / "y.db")), "does not exist"),
    "output over notes": (output(notes), "something other than an index"),
    "output over another database": (output(other_database), "something other than an index"),
    "output into a device": (output(lambda _: os.devnull), "something other than an index"),
    "output into a pipe": (output(pipe), "something other than an index"),
    "output where nothing can be": (output(lambda _: "/proc/x.db"), "/proc"),
    "too long a name": (output(lambda folder: str(folder / ("x" * 255))), "File name too long"),
    "far too long a name": (output(lambda folder: str(folder / ("x" * 999))), "File name too long"),
    "a file in the way": (output(file_in_the_way), "new.db.run"),
}


@pytest.mark.parametrize("case", INDEX.values(), ids=INDEX)
def test_a_mistake_in_indexing_is_reported_and_leaves_nothing(
    case: Case, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare, said = case
    arguments = prepare(folder)
    before = contents(folder)
    capsys.readouterr()
    code = run(["index", "--db", str(folder / "new.db"), "--compile", "off", *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in told(err)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path in a folder, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def told(err: str) -> str:
    """The error on stderr: one or two lines, and progress at most before it."""
    assert "Traceback" not in err
    before, mark, error = err.partition("error: ")
    assert mark, err
    assert all(line.startswith(("loading", "looking", "indexing", "writing")) for line in before.splitlines())
    assert 1 <= len(error.splitlines()) <= 2
    return error


def newer(folder: Path) -> str:
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    return str(folder / "x.db")


def cut(folder: Path) -> str:
    data = (folder / "x.db").read_bytes()
    (folder / "x.db").write_bytes(data[: len(data) // 2])
    return str(folder / "x.db")


SHOW: dict[str, Case] = {
    "no index": (lambda folder: ["L0N0", "--db", str(folder / "none.db")], "there is no index"),
    "a folder": (lambda folder: ["L0N0", "--db", str(folder)], "is a folder"),
    "notes": (lambda folder: ["L0N0", "--db", notes(folder)], "is no index"),
    "another database": (lambda folder: ["L0N0", "--db", other_database(folder)], "not a finished index"),
    "a newer index": (lambda folder: ["L0N0", "--db", newer(folder)], "schema version 99"),
    "a cut index": (lambda folder: ["L0N0", "--db", cut(folder)], "cut short"),
    "no such layer": (lambda folder: ["L2N0", "--db", str(folder / "x.db")], "layer"),
    "no such neuron": (lambda folder: ["L1N10", "--db", str(folder / "x.db")], "L1"),
    "no address": (lambda folder: ["neuron", "--db", str(folder / "x.db")], "neuron"),
    "an unknown quadrant": (lambda folder: ["L0N0", "-q", "+", "--db", str(folder / "x.db")], "unknown quadrant '+'"),
    "an unknown ranking": (lambda folder: ["L0N0", "--rank-by", "x", "--db", str(folder / "x.db")], "ranking 'x'"),
    "a ranking not kept": (lambda folder: ["L0N0", "--rank-by", "act", "--db", str(folder / "x.db")], "ranking 'act'"),
}


@pytest.mark.parametrize("case", SHOW.values(), ids=SHOW)
def test_a_mistake_in_showing_is_reported(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare, said = case
    arguments = prepare(folder)
    before = contents(folder)
    capsys.readouterr()
    code = run(["show", *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in told(err)
    assert contents(folder) == before


@pytest.mark.parametrize("options", [(), ("--checkpoint-every", "0")], ids=["index", "checkpoint"])
@pytest.mark.parametrize("limit", [0, 10, 1_000, 5_000, 20_000, 40_000, 60_000])
def test_a_full_disk_is_reported_and_leaves_nothing(
    limit: int, options: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file may grow beyond `limit` bytes: each of them is the first to fail at some limit."""
    before = contents(folder)
    capsys.readouterr()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        code = run(["index", *option()(folder), "--db", str(folder / "new.db"), "--compile", "off", *options])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "full" in told(err)
    assert contents(folder) == before
