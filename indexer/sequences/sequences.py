"""Sequences: documents as the token ids that the model reads, tokenised ahead of the model."""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..corpus import Document
from ..database.format.turns import Turn, turns_text
from ..errors import GluscopeError
from ..settings import Settings
from .cutting import Cutter, Ids, NewChats
from .read_ahead import Ahead
from .tokenizer import Encode

_CHUNK_DOCUMENTS = 64
_CHUNK_CHARACTERS = 1 << 18
_CHUNKS_AHEAD = 4
_MOST_ROLES = 32  # that are named


@dataclass(frozen=True, slots=True, eq=False)
class TokenSequence:
    """A document, or a part of one, as the model reads it."""

    number: int  # 0-based, over the whole corpus
    document: int
    part: int  # 0-based, within the document
    ids: Ids  # position; the BOS token first if there is one
    source: str  # of the document
    turns: tuple[Turn, ...] | None = None  # of a conversation: the messages' contents in it

    @property
    def length(self) -> int:
        """Tokens, BOS included."""
        return int(self.ids.shape[0])

    @property
    def turns_text(self) -> str:
        """The turns as an index keeps them; "" for what is not a conversation."""
        return "" if self.turns is None else turns_text(self.turns)

    def said_by(self, roles: Sequence[str]) -> npt.NDArray[np.bool_]:
        """The positions that hold the content of a message of one of these roles."""
        found = np.zeros(self.length, dtype=np.bool_)  # position
        for turn in self.turns or ():
            if turn.role in roles:
                found[turn.start : turn.stop] = True
        return found


class CorpusHash:
    """A running hash of the token ids, with the borders of documents and parts: the identity of a corpus.

    Equal for two corpora up to a sequence if the model reads the same there, wherever the text came from.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, sequence: TokenSequence) -> None:
        self._hash.update(struct.pack("<qqq", sequence.document, sequence.part, sequence.length))
        self._hash.update(sequence.ids.astype("<i4", copy=False).tobytes())
        self._hash.update(sequence.turns_text.encode())

    def hexdigest(self) -> str:
        """The hash of the sequences so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()


class Sequences:
    """The sequences of a corpus, in order; a thread reads and tokenises ahead of the consumer.

    Memory holds some chunks of documents. Iterating raises the errors of reading and tokenising, after the sequences
    before them, and GluscopeError at the end if there was no sequence. Close it (or use `with`) to stop the thread.
    """

    def __init__(self, chunks: Iterator[_Chunk], asked: Sequence[str] = ()) -> None:
        """`asked`: roles that are kept in `roles` however many others there are."""
        self._asked = frozenset(asked)
        self._chunks = Ahead(chunks, _CHUNKS_AHEAD)
        self._current: deque[TokenSequence] = deque()
        self._waiting: deque[_Chunk] = deque()  # read for `beginning`, not yet given out
        self._held: BaseException | None = None  # met by `beginning`
        self._documents_after = 0
        self._closed = False
        self.finished = False  # every sequence was given out
        self.documents = 0  # read so far, empty ones included
        self.sequences = 0  # given out so far
        self.tokens = 0  # of those sequences, BOS included
        self.tokens_ahead = 0  # of those, and of the ones that are ready after them
        self.bytes_ahead = 0  # of the corpus up to the end of `tokens_ahead`
        self.identity = CorpusHash()  # of those sequences
        self.conversations = 0  # documents of those sequences
        self.roles: set[str] = set()  # in those sequences

    def __iter__(self) -> Iterator[TokenSequence]:
        return self

    def __next__(self) -> TokenSequence:
        while not self._current:
            self.documents = self._documents_after
            try:
                chunk = self._waiting.popleft() if self._waiting else self._read()
            except StopIteration:
                self.finished = True
                if not self.sequences and not self._closed:
                    raise GluscopeError("the text gives no tokens", "index text that the tokenizer knows") from None
                raise
            self._current.extend(chunk.sequences)
            self._documents_after = chunk.documents
        sequence = self._current.popleft()
        self.documents = sequence.document + 1
        self.sequences += 1
        self.tokens += sequence.length
        self.identity.add(sequence)
        if sequence.turns is not None:
            self.conversations += sequence.part == 0
            met = {turn.role for turn in sequence.turns}
            self.roles |= met if len(self.roles) < _MOST_ROLES else met & self._asked
        return sequence

    def beginning(self, number: int) -> list[TokenSequence]:
        """The next sequences, at most `number`, which are given out again afterwards. Errors come with their turn."""
        found = list(self._current)
        found += [sequence for chunk in self._waiting for sequence in chunk.sequences]
        while len(found) < number and self._held is None:
            try:
                self._waiting.append(self._read())
            except BaseException as error:  # or the end of the text: for whoever comes to it
                self._held = error
                break
            found += self._waiting[-1].sequences
        return found[:number]

    def _read(self) -> _Chunk:
        if self._held is not None:
            held, self._held = self._held, None
            raise held
        chunk = next(self._chunks)
        self.tokens_ahead += sum(sequence.length for sequence in chunk.sequences)
        self.bytes_ahead = chunk.read
        return chunk

    def close(self) -> None:
        """Stop reading ahead."""
        self._closed = True
        self._current.clear()
        self._waiting.clear()
        self._chunks.close()

    def __enter__(self) -> Sequences:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sequences(
    documents: Iterable[Document],
    encode: Encode,
    settings: Settings,
    bos: int | None,
    eos: int | None = None,
    chats: NewChats | None = None,
) -> Sequences:
    """The sequences that documents are cut into under the settings `context`, `long` and `tokens`.

    `bos` is the id before every sequence and `eos` the id after it, if any. An empty document gives no
    sequence. With `tokens`, the last document is that in which the tokens of the sequences reach the number; it is
    whole, and no later one is used. Conversations need `chats`; they have BOS where their template writes it.

    Raises GluscopeError if the context has no room for a token besides these.
    """
    if settings.context < 1 + (bos is not None) + (eos is not None):
        raise GluscopeError(f"--context {settings.context} leaves no room for text", "use a larger --context")
    cutter = Cutter(encode, settings, bos, eos, chats)
    return Sequences(_chunks(iter(documents), cutter, settings.tokens), settings.roles or ())


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The sequences of some documents."""

    sequences: list[TokenSequence]
    documents: int  # so far
    read: int  # bytes so far, of the corpus


def _chunks(documents: Iterator[Document], cutter: Cutter, enough: int | None) -> Iterator[_Chunk]:
    number = tokens = 0
    try:
        for group in _groups(documents):
            made: list[TokenSequence] = []
            for document, pieces in zip(group, cutter.pieces(group), strict=True):
                for part, (ids, turns) in enumerate(pieces):
                    made.append(TokenSequence(number, document.number, part, ids, document.source, turns))
                    number += 1
                    tokens += len(ids)
                if enough is not None and tokens >= enough:
                    yield _Chunk(made, document.number + 1, document.read)
                    return
            yield _Chunk(made, group[-1].number + 1, group[-1].read)
    finally:
        if (close := getattr(documents, "close", None)) is not None:
            close()


def _groups(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """Documents in groups large enough for one call of the tokenizer."""
    group: list[Document] = []
    characters = 0
    for document in documents:
        group.append(document)
        characters += document.characters
        if len(group) >= _CHUNK_DOCUMENTS or characters >= _CHUNK_CHARACTERS:
            yield group
            group = []
            characters = 0
    if group:
        yield group
