"""The batch plan: which sequences the model reads together, determined by the corpus and the batch size alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ..database.format.sinks import Sinks
from .sequences import TokenSequence
from .sink_positions import sink_positions

BLOCK_BATCHES = 32
"""A block of sequences is closed when its tokens fill this many batches; sequences are sorted only inside a block."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that go through the model together, the longest first."""

    number: int  # 0-based, over the whole plan
    block: int  # 0-based; every sequence of a block comes before every one of the next in the corpus
    last: bool  # the last batch of its block: then all sequences up to the block's end are in some batch
    sequences: tuple[TokenSequence, ...]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each sequence, descending."""
        return np.asarray([sequence.length for sequence in self.sequences], dtype=np.int64)  # batch

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Token ids, padded on the right with 0 to the longest sequence; mask by `lengths`."""
        padded = np.zeros((len(self.sequences), self.sequences[0].length), dtype=np.int64)  # batch position
        for row, sequence in zip(padded, self.sequences, strict=True):
            row[: sequence.length] = sequence.ids
        return padded

    @property
    def tokens(self) -> int:
        """Tokens without padding."""
        return sum(sequence.length for sequence in self.sequences)

    def counted(self, roles: Sequence[str] | None, sinks: Sinks | None) -> npt.NDArray[np.bool_] | None:
        """The positions that hold the contents of some roles (None: any), and are not sinks: sequence position.

        None if every position does.
        """
        if roles is None and sinks is None:
            return None
        counted = np.zeros((len(self.sequences), self.sequences[0].length), dtype=np.bool_)
        for row, sequence in zip(counted, self.sequences, strict=True):
            wanted = np.ones(sequence.length, np.bool_) if roles is None else sequence.said_by(roles)
            if sinks is not None:
                wanted &= ~sink_positions(sequence.ids, sinks)
            row[: sequence.length] = wanted
        return counted


Alike = Callable[[int], Hashable]
"""The property that the lengths of one batch's sequences share."""


def plan(
    sequences: Iterable[TokenSequence], batch_tokens: int, borders: Iterable[int] = (), alike: Alike | None = None
) -> Iterator[Batch]:
    """Batches of at most `batch_tokens` padded tokens (a longer sequence is a batch alone), lazily.

    Runs of consecutive sequences, closed when their tokens reach BLOCK_BATCHES * batch_tokens, are sorted by length
    (descending, equal ones in order) and cut into batches. Every sequence is in exactly one batch, and one block of
    sequences is in memory at a time. A longer corpus with the same beginning has the same batches up to the last block,
    and all of them if a block also ends at the shorter one's end: blocks end after `borders` sequences of the corpus.
    A batch also ends where `alike` changes from one length to the next.
    """
    number = 0
    for block, members in enumerate(_blocks(sequences, BLOCK_BATCHES * batch_tokens, frozenset(borders))):
        rows = list(_rows(members, batch_tokens, alike))
        for place, row in enumerate(rows):
            yield Batch(number, block, place == len(rows) - 1, row)
            number += 1


def _blocks(
    sequences: Iterable[TokenSequence], block_tokens: int, borders: frozenset[int]
) -> Iterator[list[TokenSequence]]:
    block: list[TokenSequence] = []
    tokens = 0
    for sequence in sequences:
        block.append(sequence)
        tokens += sequence.length
        if tokens >= block_tokens or sequence.number + 1 in borders:
            yield block
            block = []
            tokens = 0
    if block:
        yield block


def _rows(block: list[TokenSequence], batch_tokens: int, alike: Alike | None) -> Iterator[tuple[TokenSequence, ...]]:
    by_length = sorted(block, key=lambda sequence: -sequence.length)
    for group in _groups(by_length, alike):
        start = 0
        while start < len(group):
            rows = max(1, batch_tokens // group[start].length)
            yield tuple(group[start : start + rows])
            start += rows


def _groups(by_length: list[TokenSequence], alike: Alike | None) -> Iterator[list[TokenSequence]]:
    if alike is None:
        yield by_length
        return
    for _, group in groupby(by_length, key=lambda sequence: alike(sequence.length)):
        yield list(group)
