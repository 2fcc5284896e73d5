"""The tokens of a text that is read in part are those of the whole, within a few per cent."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from indexer.corpus import open_corpus
from indexer.run.expected import Expected, expected_tokens
from indexer.sequences.sequences import sequences
from indexer.sequences.tokenizer import text_encoder
from indexer.settings import Settings

from ..support.tiny_models import tiny_tokenizer

_DRAWN = random.Random(0)
TEXTS = [" ".join("".join(_DRAWN.choices("abcdefgh", k=6)) for _ in range(150)) for _ in range(1200)]
_PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def expected(path: Path | str, asked: int | None = None, *, part: int = 300) -> Expected:
    """Told after some sequences of a text."""
    corpus = open_corpus([path])
    settings = Settings(context=4096, tokens=asked)
    with sequences(corpus, text_encoder(tiny_tokenizer()), settings, bos=None) as read:
        for _ in islice(read, part):
            pass
        return expected_tokens(read, corpus, asked)


def near(tokens: int) -> Expected:
    """An estimate within 10 %."""
    return Expected(cast(int, pytest.approx(tokens, rel=0.1)), "estimate")


@pytest.fixture(scope="module")
def whole() -> int:
    """The tokens of all texts, each by itself."""
    return sum(len(ids) for ids in tiny_tokenizer()(TEXTS, add_special_tokens=False)["input_ids"])


def rows() -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "json", *(f"jsonl.{name}" for name in _PACKED), "parquet"])
def test_a_part_of_a_file_tells_the_whole(tmp_path: Path, whole: int, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), path)
    elif suffix == "csv":
        path.write_text("\n".join(["text", *TEXTS]))
    elif suffix == "json":
        path.write_text(json.dumps([{"text": text} for text in TEXTS]))
    else:
        path.write_bytes(_PACKED.get(suffix.removeprefix("jsonl."), bytes)(rows()))
    found = expected(path)
    assert found == near(whole)


def test_some_files_of_a_folder_tell_the_whole_and_what_is_not_text_is_not_counted(tmp_path: Path, whole: int) -> None:
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number:04}.txt").write_text(text)
    (tmp_path / "0000.png").write_bytes(bytes(range(256)) * 30_000)
    (tmp_path / "zz.txt").symlink_to("0001.txt")
    assert expected(tmp_path) == near(whole)
    assert expected(tmp_path, 10 * whole) == near(whole)
    assert expected(tmp_path, whole // 2) == Expected(whole // 2, "limit")
    assert expected(tmp_path, part=9999) == Expected(whole, "read")


def test_standard_input_has_a_size_once_it_is_read(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(rows())))
    assert expected("-") == near(whole)
