"""The six token lists of a neuron: their order, the names that searches give them, and how flips change them."""

from __future__ import annotations

from ...quadrants import changes_sign

VECTORS = ("out", "gate", "in")
"""The vectors whose tokens are listed, two lists each: along the vector, and against it."""

PLACES = tuple(f"{sign}out" if vector == "out" else f"{vector}{sign}" for vector in VECTORS for sign in "+-")
"""The names of the lists: +out (promotes), -out (suppresses), gate+, gate-, in+, in-."""

WRITTEN, READ = 0, 1
"""The kinds of postings: of tokens written and of tokens read."""

KINDS = {"writes": WRITTEN, "reads": READ}
"""The kinds by the place that a search names."""


def kind_of(place: int) -> int:
    """The kind of a list, by its place among the six."""
    return WRITTEN if VECTORS[place // 2] == "out" else READ


def flipped(place: int) -> int:
    """The list that a list becomes if w_in and w_out are negated."""
    return place ^ 1 if changes_sign(VECTORS[place // 2]) else place


STRONGEST_HALF = 0x7C00
"""More than the bits of any finite float16 that is not negative: postings keep strengths as such bits."""


TOGETHER = 16
"""Tokens whose postings are packed together: alone, most would take less room than what is around them."""


def postings_id(token: int, kind: int, block: int) -> int:
    """The key of the postings of a token, and of its neighbours, of a kind."""
    return (2 * (token // TOGETHER) + kind << 16) + block
