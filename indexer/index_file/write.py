"""Writes an index: the arrays of its sites, and the parts of the corpus that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..database.bulk.arrays import Int64, ModelWeights, SiteArrays
from ..database.bulk.writer import IndexWriter
from ..sequences.sequences import TokenSequence
from .telling_neuron import Telling, most_telling

Spell = Callable[[list[int]], list[bytes]]
"""The bytes of token ids, one by one."""


class SamplePositions(NamedTuple):
    """The positions of a sample, by rank."""

    sequence: Int64
    position: Int64


class UsedTexts(Protocol):
    """The source of the sequences that an index uses."""

    def used(self, numbers: Iterable[int]) -> Iterator[TokenSequence]:
        """The sequences of these numbers, each once, ascending."""


def write_index(
    path: Path,
    sites: Iterable[SiteArrays],
    samples: Mapping[int, SamplePositions],
    texts: UsedTexts,
    spell: Spell,
    info: Mapping[str, Any],
    written: Callable[[int], None],
    weights: ModelWeights,
) -> None:
    """Write an index to `path`, holding one site at a time.

    `samples`: by the ids that the sites name. `written` is told the number of neurons so far.
    """
    best: Telling | None = None
    neurons = 0
    used = np.unique(np.concatenate([np.zeros(0, np.int64), *(sample.sequence for sample in samples.values())]))
    with IndexWriter(path, info) as writer:
        for site in sites:
            writer.add_site(site)
            if site.tokens_counted:
                telling = most_telling(site)
                best = telling if best is None or telling[:2] > best[:2] else best
            used = np.unique(np.concatenate([used, *(ranked.sequence.ravel() for ranked in site.lists)]))
            neurons += site.width
            written(neurons)
        for number, sample in samples.items():
            writer.add_sample(number, *sample)
        numbers: list[int] = used[used >= 0].tolist()
        writer.add_sequences((s.number, s.document, s.part, s.ids) for s in texts.used(numbers))
        if info["corpus"].get("conversations"):
            writer.add_turns((s.number, s.turns_text) for s in texts.used(numbers) if s.turns is not None)
        writer.add_documents(_documents(texts, numbers))
        writer.add_weights(weights)
        ids = _tokens(texts, numbers)
        spelled = {**weights.spelling, **dict(zip(ids, spell(ids), strict=True))}
        writer.add_tokens(sorted(spelled.items()))
        writer.finish(None if best is None else best.neuron)


def _documents(texts: UsedTexts, used: Sequence[int]) -> Iterator[tuple[int, str]]:
    last = -1
    for sequence in texts.used(used):
        if sequence.document != last:
            last = sequence.document
            yield sequence.document, sequence.source


def _tokens(texts: UsedTexts, used: Sequence[int]) -> list[int]:
    """The ids of all tokens in the sequences, each once."""
    seen = np.zeros(0, dtype=bool)
    for sequence in texts.used(used):
        largest = int(sequence.ids.max(initial=0))
        if largest >= len(seen):
            seen = np.concatenate([seen, np.zeros(largest + 1 - len(seen), dtype=bool)])
        seen[sequence.ids] = True
    found: list[int] = np.nonzero(seen)[0].tolist()
    return found
