"""What a search says besides its hits: how they are sorted, and why a text may have none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from indexer.database.query.sought import Sought
from indexer.database.reader import Index

from .numbers import counted, full_count
from .text import shown

STRENGTHS = {
    "peak": "the share that examples peaking on the text have in a list",
    "context": "the value at the peak, as a share of the neuron's largest",
    "writes": "the z-score of the token among all scores of the neuron",
    "reads": "the cosine with the token's embedding",
}
"""What the strength of a hit is, by the place of the search; docs/numbers.md has the definitions."""


def order(where: str) -> str:
    """How the hits of a search are sorted."""
    each = " in each quadrant" if where in ("peak", "context") else ""
    return f"sorted by strength, the largest first{each}: {STRENGTHS[where]}"


def notes(index: Index, texts: Iterable[str], where: str) -> Iterator[str]:
    """For each text, whether it is no token of the model, and whether the corpus never has it, as far as is known."""
    for text in texts:
        sought = Sought(text) if where == "context" else Sought.read(text, exact=False)
        if where != "context" and index.vocabulary.is_whole and not _is_found(index, sought, where):
            yield f"{sought.text!r} is {_no_token(index, sought)}"
        if index.searches.has_word(sought.text) is False:
            yield f"{_kept(index)} begins with {sought.text!r}"


def _is_found(index: Index, sought: Sought, where: str) -> bool:
    """Whether a token of the model has the text, or an example peaks on it, with characters of several tokens."""
    if index.vocabulary.tokens(sought, shown):
        return True
    return where == "peak" and bool(index.searches.peaking(sought, shown))


def _no_token(index: Index, sought: Sought) -> str:
    if sought.prefix:
        return "the beginning of no token of this model"
    first = index.vocabulary.longest_beginning(sought.text)
    return "not a token of this model" + (f"; its longest beginning that is one is {first!r}" if first else "")


def _kept(index: Index) -> str:
    kept, every = index.sequence_counts
    if kept == every:
        return "no word of the corpus"
    of = "" if every is None else f" (of {full_count(every)})"
    return f"no word of the {counted(kept, 'sequence')}{of} that this index keeps"
