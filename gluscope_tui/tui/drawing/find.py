"""Finds the tokens of a context that hold a text. Case is ignored unless the text has capitals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate


@lru_cache(maxsize=2048)
def found_tokens(tokens: tuple[str, ...], wanted: str) -> frozenset[int]:
    """The tokens that share a character with an occurrence of `wanted` in the joined text."""
    if not wanted:
        return frozenset()
    text = "".join(tokens)
    places = _occurrences(text, wanted)
    if not places:
        return frozenset()
    ends = list(accumulate(len(token) for token in tokens))
    found: set[int] = set()
    for start in places:
        stop = start + len(wanted)
        for token, end in enumerate(ends):
            begin = end - len(tokens[token])
            if begin < stop and end > start:
                found.add(token)
    return frozenset(found)


def _occurrences(text: str, wanted: str) -> Sequence[int]:
    if wanted == wanted.lower():
        folded = text.lower()
        text = folded if len(folded) == len(text) else text  # else a letter grew: match exactly
    places, place = [], text.find(wanted)
    while place >= 0:
        places.append(place)
        place = text.find(wanted, place + 1)
    return places
