"""Spilled texts: read back as they were written, whatever moment the writing was cut off at."""

from __future__ import annotations

import errno
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.database.format.turns import Turn
from indexer.errors import GluscopeError
from indexer.sequences.sequences import TokenSequence
from indexer.sequences.spill import Texts, TextsWriter
from tests.support.disk import file_size_limit

NAMES = ("tokens.bin", "sources.bin", "turns.bin", "sequences.bin")


def corpus(count: int) -> Iterator[TokenSequence]:
    """Sequences of documents 0, 2, 4 ... (the others are empty), of three parts each."""
    for number in range(count):
        ids = np.arange(number % 5 + 1, dtype=np.int32) * 1000 + number
        document = number // 3 * 2
        turns = (Turn(0, 1, "user"), Turn(1, len(ids), "assistant"))[: len(ids)] if document % 4 else None
        yield TokenSequence(number, document, number % 3, ids, f"folder/日本{document}.txt:{document}", turns)


Plain: TypeAlias = tuple[int, int, int, list[int], str, tuple[Turn, ...] | None]


def plain(sequence: TokenSequence) -> Plain:
    ids = sequence.ids.tolist()
    return sequence.number, sequence.document, sequence.part, ids, sequence.source, sequence.turns


def write(folder: Path, count: int) -> None:
    with TextsWriter(folder) as writer:
        for sequence in corpus(count):
            writer.add(sequence)


def everything(folder: Path) -> list[Plain]:
    with Texts(folder) as texts:
        return [plain(texts.sequence(number)) for number in range(len(texts))]


def expected(count: int) -> list[Plain]:
    return [plain(sequence) for sequence in corpus(count)]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", 100)
    assert everything(tmp_path / "new" / "folder") == expected(100)


def test_single_things_are_found_by_number(tmp_path: Path) -> None:
    write(tmp_path, 100)
    with Texts(tmp_path) as texts:
        for sequence in corpus(100):
            assert texts.ids(sequence.number).tolist() == sequence.ids.tolist()
            assert texts.ids(sequence.number).dtype == np.int32
            assert texts.document(sequence.number) == sequence.document
            assert texts.part(sequence.number) == sequence.part
            assert texts.source(sequence.document) == sequence.source


@pytest.mark.parametrize("number", [-1, 7, 100])
def test_a_missing_sequence_raises(tmp_path: Path, number: int) -> None:
    write(tmp_path, 7)
    with Texts(tmp_path) as texts, pytest.raises(IndexError):
        texts.ids(number)


@pytest.mark.parametrize("document", [-1, 1, 3, 6])
def test_a_document_without_sequences_has_no_source(tmp_path: Path, document: int) -> None:
    write(tmp_path, 7)
    with Texts(tmp_path) as texts, pytest.raises(KeyError):
        texts.source(document)


def test_what_is_used_comes_once_and_in_order(tmp_path: Path) -> None:
    write(tmp_path, 50)
    with Texts(tmp_path) as texts:
        assert [plain(sequence) for sequence in texts.used([40, 3, 3, 17, 40])] == [
            expected(50)[n] for n in (3, 17, 40)
        ]


def test_what_was_flushed_can_be_read_beside_the_writer(tmp_path: Path) -> None:
    with TextsWriter(tmp_path) as writer:
        for sequence in corpus(20):
            writer.add(sequence)
        writer.flush()
        assert everything(tmp_path) == expected(20)
        assert writer.sequences == 20


@pytest.mark.slow
@given(st.integers(0, 40), st.integers(0, 2000))
def test_wherever_it_was_cut_off_the_intact_sequences_are_a_beginning(
    tmp_path_factory: pytest.TempPathFactory, count: int, lost: int
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    write(folder, count)
    for name, share in zip(NAMES, (lost % 7, lost % 3, lost % 5, lost % 11), strict=True):
        size = (folder / name).stat().st_size
        with open(folder / name, "r+b") as file:
            file.truncate(max(size - lost * share // 10, 64 if name == "sequences.bin" else 0))
    left = everything(folder)
    assert left == expected(count)[: len(left)]


def test_beginning_again_drops_what_was_there(tmp_path: Path) -> None:
    write(tmp_path, 50)
    write(tmp_path, 3)
    assert everything(tmp_path) == expected(3)


def test_zeros_at_the_end_as_a_loss_of_power_leaves_them_are_not_sequences(tmp_path: Path) -> None:
    write(tmp_path, 10)
    for name in NAMES:
        with open(tmp_path / name, "ab") as file:
            file.write(bytes(400))
    assert everything(tmp_path) == expected(10)


def test_damage_in_the_middle_is_refused_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, 10)
    data = bytearray((tmp_path / "sequences.bin").read_bytes())
    data[64 * 4 + 8] ^= 1
    (tmp_path / "sequences.bin").write_bytes(data)
    with Texts(tmp_path) as texts:
        assert texts.document(2) == 0
        with pytest.raises(GluscopeError, match="damaged at sequence 3"):
            texts.document(3)


@pytest.mark.parametrize("name", ["tokens.bin", "sources.bin"])
def test_a_bit_that_changed_in_what_was_written_is_reported_when_it_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, 10)
    data = bytearray((tmp_path / name).read_bytes())
    data[5] ^= 1
    (tmp_path / name).write_bytes(data)
    with Texts(tmp_path) as texts, pytest.raises(GluscopeError, match="are damaged"):
        list(texts.used(range(10)))


def test_a_link_in_place_of_a_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"a person's own")
    (tmp_path / "texts").mkdir()
    for name in NAMES:
        (tmp_path / "texts" / name).symlink_to("../mine")
    write(tmp_path / "texts", 10)
    assert everything(tmp_path / "texts") == expected(10)
    assert (tmp_path / "mine").read_bytes() == b"a person's own"


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GluscopeError, match="can't be read: No such file"):
        Texts(tmp_path)
    for name in NAMES:
        (tmp_path / name).write_bytes(b"something else that is long enough to hold a header")
    with pytest.raises(GluscopeError, match="holds no texts of this version"):
        Texts(tmp_path)


def test_a_sequence_out_of_order_is_a_bug(tmp_path: Path) -> None:
    first, second = corpus(2)
    with TextsWriter(tmp_path) as writer:
        writer.add(first)
        with pytest.raises(ValueError, match="sequence 0 added as number 1"):
            writer.add(first)
        writer.add(second)
    assert everything(tmp_path) == expected(2)


def test_a_source_with_surrogates_is_written_escaped(tmp_path: Path) -> None:
    with TextsWriter(tmp_path) as writer:
        writer.add(TokenSequence(0, 0, 0, np.asarray([1], dtype=np.int32), "a\udce9"))
    with Texts(tmp_path) as texts:
        assert texts.source(0) == "a\\udce9"


def test_a_file_that_cannot_grow_is_reported_with_the_folder_and_keeps_what_was_written(tmp_path: Path) -> None:
    writer = TextsWriter(tmp_path)
    stream = corpus(1000)
    for _ in range(100):
        writer.add(next(stream))
    writer.flush()
    for sequence in stream:
        writer.add(sequence)
    with file_size_limit(5000), pytest.raises(GluscopeError) as refused:
        writer.flush()
    assert refused.value.cause == f"{tmp_path} can't be written: the disk is full"
    assert "free some space" in refused.value.fix
    writer.__exit__(GluscopeError, refused.value, None)
    left = everything(tmp_path)
    assert left == expected(len(left))
    assert len(left) >= 100


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EIO, "can't be written: Input/output error"),
    ],
)
def test_a_disk_that_refuses_is_reported_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "Input/output error")

    monkeypatch.setattr("indexer.sequences.spill.os.fsync", refuse)
    with TextsWriter(tmp_path) as writer, pytest.raises(GluscopeError, match=message) as refused:
        writer.flush()
    assert str(tmp_path) in refused.value.cause


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GluscopeError, match="file/texts can't be written: Not a directory"):
        TextsWriter(tmp_path / "file" / "texts")


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_written_or_read(tmp_path: Path) -> None:
    ids = np.arange(1000, dtype=np.int32)
    tracemalloc.start()
    try:
        with TextsWriter(tmp_path) as writer:
            for number in range(10_000):  # 40 MB
                writer.add(TokenSequence(number, number, 0, ids, "source"))
        with Texts(tmp_path) as texts:
            assert sum(sequence.length for sequence in texts.used(range(0, 10_000, 7))) == 1429 * 1000
            assert texts.source(9_999) == "source"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
