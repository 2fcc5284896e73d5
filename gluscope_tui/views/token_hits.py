"""Hits of a search by weights, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from indexer.database.records import TokenHit
from indexer.quadrants import QUADRANTS

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit, shorten
from ..text.clean import clean
from .columns import Columns
from .numbers import exact, float32, signed
from .table import percent
from .writes import visible

FIELDS = ("neuron", "where", "quadrants", "place", "token", "score", "strength")
FREQUENCIES = tuple(f"frequency_{quadrant.letters}" for quadrant in QUADRANTS)

_TOKEN = 24  # cells at most
_WIDTHS = {"where": 5, "quadrants": 9, "place": 5, "score": 8, "strength": 8}


def fields(hit: TokenHit) -> tuple[str, ...]:
    """The values of FIELDS and FREQUENCIES; frequencies only of the quadrants that the hit is about."""
    token = hit.token
    frequencies = (hit.frequency.get(quadrant) for quadrant in QUADRANTS)
    return (
        hit.neuron.name,
        hit.where,
        " ".join(quadrant.value for quadrant in hit.quadrants),
        str(token.place),
        clean(token.text),
        exact(token.score),
        exact(token.strength),
        *("" if share is None else repr(share) for share in frequencies),
    )


def as_object(hit: TokenHit) -> dict[str, Any]:
    """The JSON of a hit."""
    token = hit.token
    return {
        "neuron": hit.neuron.name,
        "where": hit.where,
        "quadrants": [quadrant.value for quadrant in hit.quadrants],
        "place": token.place,
        "token": token.text,
        "score": float32(token.score),
        "strength": float32(token.strength),
        "frequency": {quadrant.value: share for quadrant, share in hit.frequency.items()},
        "tokens": [
            {
                "token": one.text,
                "place": one.place,
                "score": float32(one.score),
                "strength": float32(one.strength),
            }
            for one in hit.tokens
        ],
    }


COLUMNS = Columns((*FIELDS, *FREQUENCIES), fields, as_object)


def cells(hit: TokenHit, *, ascii_only: bool = False) -> tuple[str, ...]:
    """The values of FIELDS for people, and the frequencies of its quadrants in one."""
    token = hit.token
    words = ", ".join(visible(one.text, ascii_only=ascii_only) for one in hit.tokens)
    often = " ".join("-" if share is None else percent(share) for share in hit.frequency.values())
    return (
        hit.neuron.name,
        hit.where,
        " ".join(quadrant.value for quadrant in hit.quadrants),
        str(token.place),
        words,
        signed(token.score),
        signed(token.strength).removeprefix("+"),
        often,
    )


def lines(hits: Iterable[TokenHit], width: int, depth: Depth) -> Iterator[StyledLine]:
    """A heading and a line for each hit, of at most `width` cells."""
    rows = [cells(hit) for hit in hits]
    name = max(cell_len(row[0]) for row in [*rows, ("neuron",)])
    token = min(_TOKEN, max(cell_len(row[4]) for row in [*rows, ("",) * 4 + ("token",)]))
    bold = PLAIN if depth is Depth.PLAIN else Style(bold=True)
    heads = (*FIELDS, "frequency")
    for number, row in enumerate([heads, *rows]):
        own = (
            fit(row[0], name),
            fit(row[1], _WIDTHS["where"]),
            fit(row[2], _WIDTHS["quadrants"]),
            column(row[3], _WIDTHS["place"]),
            fit(shorten(row[4], token), token),
            column(row[5], _WIDTHS["score"]),
            column(row[6], _WIDTHS["strength"]),
            row[7],
        )
        yield ((shorten("  ".join(own), width), PLAIN if number else bold),)
