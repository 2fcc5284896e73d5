"""Sequences: every token once, BOS in front, cut as asked, numbered, identified, made ahead of the model."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.corpus import Document
from indexer.errors import GluscopeError
from indexer.sequences.cutting import cut
from indexer.sequences.sequences import CorpusHash, Sequences, TokenSequence, sequences
from indexer.settings import Settings

BOS = 7

texts_strategy = st.lists(st.text("abc", max_size=25), min_size=1, max_size=12).filter(any)


def encode(texts: Sequence[str]) -> list[list[int]]:
    """A token a character: its code."""
    return [list(map(ord, text)) for text in texts]


def documents(texts: Sequence[str]) -> Iterator[Document]:
    return (Document(number, f"source {number}", text) for number, text in enumerate(texts))


def made(texts: Sequence[str], bos: int | None = BOS, **settings: object) -> list[TokenSequence]:
    with sequences(documents(texts), encode, Settings(**settings), bos) as stream:  # type: ignore[arg-type]  # any setting
        return list(stream)


def naive(texts: Sequence[str], bos: int | None, context: int, long: str) -> list[tuple[int, int, list[int]]]:
    found = []
    for number, text in enumerate(texts):
        part, rest = 0, list(map(ord, text))
        while rest:
            sequence = [] if bos is None else [bos]
            while rest and len(sequence) < context:
                sequence.append(rest.pop(0))
            if part == 0 or long == "split":
                found.append((number, part, sequence))
            part += 1
    return found


@pytest.mark.slow
@given(texts_strategy, st.sampled_from([None, BOS]), st.integers(2, 12), st.sampled_from(["split", "truncate"]))
def test_documents_are_cut_as_a_naive_loop_cuts_them(
    texts: list[str], bos: int | None, context: int, long: str
) -> None:
    result = made(texts, bos, context=context, long=long)
    assert [(s.document, s.part, s.ids.tolist()) for s in result] == naive(texts, bos, context, long)
    assert [s.number for s in result] == list(range(len(result)))
    assert all(s.source == f"source {s.document}" for s in result)
    assert all(s.ids.dtype == np.int32 and s.length == len(s.ids) for s in result)


@given(texts_strategy, st.integers(1, 200), st.sampled_from(["split", "truncate"]))
def test_the_corpus_ends_with_the_document_in_which_the_tokens_are_reached(
    texts: list[str], tokens: int, long: str
) -> None:
    everything = naive(texts, BOS, 6, long)
    kept: list[tuple[int, int, list[int]]] = []
    for document in range(len(texts)):
        if sum(len(ids) for _, _, ids in kept) < tokens:
            kept += [sequence for sequence in everything if sequence[0] == document]
    result = made(texts, context=6, long=long, tokens=tokens)
    assert [(s.document, s.part, s.ids.tolist()) for s in result] == kept


def test_no_document_after_the_last_is_read_far_ahead() -> None:
    read = []

    def endless() -> Iterator[Document]:
        number = 0
        while True:
            read.append(number)
            yield Document(number, "", "abc")
            number += 1

    with sequences(endless(), encode, Settings(tokens=100), BOS) as stream:
        assert sum(s.length for s in stream) == 100
        assert (stream.documents, stream.sequences, stream.tokens) == (25, 25, 100)
    assert len(read) <= 64


def test_it_counts_what_it_gave_and_what_it_read() -> None:
    with sequences(documents(["abc", "", "abcdefg", "", ""]), encode, Settings(context=5), BOS) as stream:
        assert (stream.documents, stream.sequences, stream.tokens) == (0, 0, 0)
        next(stream)
        assert (stream.documents, stream.sequences, stream.tokens) == (1, 1, 4)
        rest = list(stream)
        assert [s.document for s in rest] == [2, 2]
        assert (stream.documents, stream.sequences, stream.tokens) == (5, 3, 4 + 5 + 4)


def test_chunks_do_not_show() -> None:
    texts = ["x" * (number % 7) for number in range(1000)]
    assert [s.document for s in made(texts)] == [number for number in range(1000) if number % 7]


def test_a_document_of_a_million_tokens_is_cut_in_one_go() -> None:
    result = made(["ab" * 500_000], context=1024)
    assert len(result) == -(-1_000_000 // 1023)
    assert sum(s.length - 1 for s in result) == 1_000_000
    assert made(["ab" * 500_000], context=1024, long="truncate")[0].length == 1024


def test_a_document_of_one_token_is_a_sequence() -> None:
    assert [s.ids.tolist() for s in made(["a"])] == [[BOS, 97]]


def test_a_text_without_tokens_is_refused() -> None:
    with pytest.raises(GluscopeError, match="the text gives no tokens"):
        made(["", ""])


@pytest.mark.parametrize(
    ("context", "bos", "said"),
    [
        (1, BOS, "--context 1 leaves no room"),
        (0, None, "--context: 0 is too small"),
        (0, BOS, "--context: 0 is too small"),
        (-5, None, "--context: -5 is too small"),
    ],
)
def test_a_context_without_room_for_text_is_refused(context: int, bos: int | None, said: str) -> None:
    with pytest.raises(GluscopeError, match=said):
        made(["abc"], bos, context=context)


def test_the_whole_of_a_document_is_kept_in_one_sequence_if_it_fits() -> None:
    assert [ids.tolist() for ids in cut([1, 2, 3], BOS, 4, "split")] == [[BOS, 1, 2, 3]]
    assert [ids.tolist() for ids in cut([1, 2, 3, 4], BOS, 4, "split")] == [[BOS, 1, 2, 3], [BOS, 4]]
    assert [ids.tolist() for ids in cut([1, 2, 3, 4], None, 4, "split")] == [[1, 2, 3, 4]]
    assert cut([], BOS, 4, "split") == []


def identity(texts: Sequence[str], **settings: object) -> str:
    with sequences(documents(texts), encode, Settings(**settings), BOS) as stream:  # type: ignore[arg-type]  # any setting
        for _ in stream:
            pass
        return stream.identity.hexdigest()


def test_the_identity_is_the_hash_that_the_documentation_defines() -> None:
    expected = hashlib.blake2b(digest_size=16)
    for document, part, ids in naive(["abcd", "", "b"], BOS, 3, "split"):
        for number in (document, part, len(ids)):
            expected.update(number.to_bytes(8, "little"))
        for token in ids:
            expected.update(token.to_bytes(4, "little"))
    assert identity(["abcd", "", "b"], context=3) == expected.hexdigest()


def test_the_identity_tells_other_borders_and_numbers_apart() -> None:
    assert len({identity(texts) for texts in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "", "c"], ["ab", "d"])}) == 5
    assert identity(["abcdef"], context=4) != identity(["abcdef"], context=5)
    assert identity(["ab", "c"]) == identity(["ab", "c", ""])


def test_the_identity_of_a_beginning_is_known_on_the_way() -> None:
    running = CorpusHash()
    with sequences(documents(["abc", "de", "f"]), encode, Settings(), BOS) as stream:
        for count, sequence in enumerate(stream, 1):
            running.add(sequence)
            assert running.hexdigest() == stream.identity.hexdigest() == identity(["abc", "de", "f"][:count])


class Broken(Exception):
    """The error that a test's source of documents raises."""


def test_what_reading_raises_comes_after_what_was_read() -> None:
    def failing() -> Iterator[Document]:
        yield from documents(["abc"] * 100)
        raise Broken

    stream = sequences(failing(), encode, Settings(), BOS)
    assert [next(stream).document for _ in range(64)] == list(range(64))
    with pytest.raises(Broken):  # whole chunks: what was read for the broken one is lost with it
        next(stream)
    assert list(stream) == []


def test_what_tokenising_raises_is_raised_here() -> None:
    def broken_encode(texts: Sequence[str]) -> list[list[int]]:
        raise Broken(texts[0])

    with pytest.raises(Broken, match="abc"):
        next(sequences(documents(["abc"]), broken_encode, Settings(), BOS))


def test_closing_closes_the_documents_and_ends_the_sequences() -> None:
    closed = threading.Event()

    def watched() -> Iterator[Document]:
        try:
            number = 0
            while True:
                yield Document(number, "", "abc")
                number += 1
        finally:
            closed.set()

    stream = sequences(watched(), encode, Settings(), BOS)
    next(stream)
    stream.close()
    assert closed.wait(10)
    assert list(stream) == []


def test_closing_before_the_first_sequence_is_no_error() -> None:
    stream: Sequences = sequences(documents(["abc"]), encode, Settings(), BOS)
    stream.close()
    assert list(stream) == []
