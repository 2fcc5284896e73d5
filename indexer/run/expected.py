"""The tokens that a run will read, told while it reads: counted, judged by the part so far, or a limit."""

from __future__ import annotations

from dataclasses import dataclass

from ..corpus import Corpus
from ..sequences.sequences import Sequences

READ, ESTIMATE, LIMIT = "read", "estimate", "limit"


@dataclass(frozen=True, slots=True)
class Expected:
    """The tokens of a corpus, and what the number rests on."""

    tokens: int | None  # None: nothing tells
    basis: str | None  # READ: all of it was; ESTIMATE: as many a byte as so far; LIMIT: `--tokens`, if there is enough


def expected_tokens(read: Sequences, corpus: Corpus, asked: int | None) -> Expected:
    """The tokens of a corpus of which a part was read. `asked`: the number at which it ends, if the user gave one.

    The bytes of the part are those of the very documents whose tokens are counted, however far the reader is ahead.
    """
    if read.finished:
        return Expected(read.tokens, READ)
    if not corpus.size or not read.bytes_ahead:  # a stream has no size
        return Expected(asked, None if asked is None else LIMIT)
    estimate = max(read.tokens_ahead, round(read.tokens_ahead * corpus.size / read.bytes_ahead))
    return Expected(estimate, ESTIMATE) if asked is None or estimate < asked else Expected(asked, LIMIT)
