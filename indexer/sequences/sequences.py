"""Sequences: documents as the token ids that the model reads, tokenised ahead of the model."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..corpus import Document
from ..errors import GluscopeError
from ..settings import Settings
from .read_ahead import Ahead
from .tokenizer import Encode

Ids: TypeAlias = npt.NDArray[np.int32]

_CHUNK_DOCUMENTS = 64
_CHUNK_CHARACTERS = 1 << 18
_CHUNKS_AHEAD = 4


@dataclass(frozen=True, slots=True, eq=False)
class TokenSequence:
    """A document, or a part of one, as the model reads it."""

    number: int  # 0-based, over the whole corpus
    document: int
    part: int  # 0-based, within the document
    ids: Ids  # position; the BOS token first if there is one
    source: str  # of the document

    @property
    def length(self) -> int:
        """Tokens, BOS included."""
        return int(self.ids.shape[0])


class CorpusHash:
    """A running hash of the token ids, with the borders of documents and parts: the identity of a corpus.

    Equal for two corpora up to a sequence if the model reads the same there, wherever the text came from.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, sequence: TokenSequence) -> None:
        self._hash.update(struct.pack("<qqq", sequence.document, sequence.part, sequence.length))
        self._hash.update(sequence.ids.astype("<i4", copy=False).tobytes())

    def hexdigest(self) -> str:
        """The hash of the sequences so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()


class Sequences:
    """The sequences of a corpus, in order; a thread reads and tokenises ahead of the consumer.

    Memory holds some chunks of documents. Iterating raises the errors of reading and tokenising, after the sequences
    before them, and GluscopeError at the end if there was no sequence. Close it (or use `with`) to stop the thread.
    """

    def __init__(self, chunks: Iterator[_Chunk]) -> None:
        self._chunks = Ahead(chunks, _CHUNKS_AHEAD)
        self._current: Iterator[TokenSequence] = iter(())
        self._documents_after = 0
        self._closed = False
        self.finished = False  # every sequence was given out
        self.documents = 0  # read so far, empty ones included
        self.sequences = 0  # given out so far
        self.tokens = 0  # of those sequences, BOS included
        self.tokens_ahead = 0  # of those, and of the ones that are ready after them
        self.identity = CorpusHash()  # of those sequences

    def __iter__(self) -> Iterator[TokenSequence]:
        return self

    def __next__(self) -> TokenSequence:
        while (sequence := next(self._current, None)) is None:
            self.documents = self._documents_after
            try:
                chunk = next(self._chunks)
            except StopIteration:
                self.finished = True
                if not self.sequences and not self._closed:
                    raise GluscopeError("the text gives no tokens", "index text that the tokenizer knows") from None
                raise
            self._current = iter(chunk.sequences)
            self._documents_after = chunk.documents
            self.tokens_ahead += sum(sequence.length for sequence in chunk.sequences)
        self.documents = sequence.document + 1
        self.sequences += 1
        self.tokens += sequence.length
        self.identity.add(sequence)
        return sequence

    def close(self) -> None:
        """Stop reading ahead."""
        self._closed = True
        self._current = iter(())
        self._chunks.close()

    def __enter__(self) -> Sequences:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sequences(
    documents: Iterable[Document], encode: Encode, settings: Settings, bos: int | None, eos: int | None = None
) -> Sequences:
    """The sequences that documents are cut into under the settings `context`, `long` and `tokens`.

    `bos` is the id before every sequence and `eos` the id after it, if any. An empty document gives no
    sequence. With `tokens`, the last document is that in which the tokens of the sequences reach the number; it is
    whole, and no later one is used.

    Raises GluscopeError if the context has no room for a token besides these.
    """
    if settings.context < 1 + (bos is not None) + (eos is not None):
        raise GluscopeError(f"--context {settings.context} leaves no room for text", "use a larger --context")
    return Sequences(_chunks(iter(documents), encode, settings, bos, eos))


def cut(ids: Sequence[int], bos: int | None, context: int, long: str, eos: int | None = None) -> list[Ids]:
    """A document's token ids as sequences of at most `context` tokens, each between BOS and EOS if there are any.

    With `long` "truncate": the first of them only.
    """
    tokens = np.asarray(ids, dtype=np.int32)  # token
    front, back = (np.asarray([] if id_ is None else [id_], dtype=np.int32) for id_ in (bos, eos))
    room = context - len(front) - len(back)
    starts = range(0, len(tokens), room)
    if long == "truncate":
        starts = starts[:1]
    return [np.concatenate((front, tokens[start : start + room], back)) for start in starts]  # position


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The sequences of some documents, and the number of documents so far."""

    sequences: list[TokenSequence]
    documents: int


def _chunks(
    documents: Iterator[Document], encode: Encode, settings: Settings, bos: int | None, eos: int | None
) -> Iterator[_Chunk]:
    number = tokens = 0
    try:
        for group in _groups(documents):
            made: list[TokenSequence] = []
            for document, ids in zip(group, encode([document.text for document in group]), strict=True):
                for part, piece in enumerate(cut(ids, bos, settings.context, settings.long, eos)):
                    made.append(TokenSequence(number, document.number, part, piece, document.source))
                    number += 1
                    tokens += len(piece)
                if settings.tokens is not None and tokens >= settings.tokens:
                    yield _Chunk(made, document.number + 1)
                    return
            yield _Chunk(made, group[-1].number + 1)
    finally:
        if (close := getattr(documents, "close", None)) is not None:
            close()


def _groups(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """Documents in groups large enough for one call of the tokenizer."""
    group: list[Document] = []
    characters = 0
    for document in documents:
        group.append(document)
        characters += len(document.text)
        if len(group) >= _CHUNK_DOCUMENTS or characters >= _CHUNK_CHARACTERS:
            yield group
            group = []
            characters = 0
    if group:
        yield group
