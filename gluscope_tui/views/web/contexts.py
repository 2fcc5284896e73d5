"""A context as HTML: every token coloured by its value, its four values beside it, the peak apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby

from indexer.database.records import Example
from indexer.quadrants import Quadrant

from ...text.pieces import Piece, pieces
from ..contexts import Look, levels

QUANTITIES = ("post", "gate", "in", "act")
"""The order of a token's values in its title."""


@dataclass(frozen=True, slots=True)
class Markup:
    """The text of a context in three parts, as safe HTML: `<i class=p7 title=.31,.9,.4,.77>word</i>`."""

    before: str
    peak: str
    after: str


def markup(example: Example, quadrant: Quadrant, look: Look) -> Markup:
    """The tokens of a context. A token's title holds its post, gate, in and act to three digits."""
    strengths = levels(example, quadrant, look)
    values = list(zip(*(example.values(name) for name in QUANTITIES), strict=True))
    parts: list[list[str]] = [[], [], []]
    place = 0
    for (first, last), run in groupby(pieces(example.tokens, example.peak), key=_tokens):
        is_peak = first <= example.peak <= last
        place = 1 if is_peak else 2 if place else 0
        parts[place].append(_span(run, range(first, last + 1), strengths, values))
    return Markup(*map("".join, parts))


def short(value: float) -> str:
    """Three digits at most, as a script reads them, without a 0 in front: 1.23, -.0912, 4e-06."""
    text = f"{value:.3g}"
    return text[1:] if text.startswith("0.") else f"-{text[2:]}" if text.startswith("-0.") else text


def _tokens(piece: Piece) -> tuple[int, int]:
    return piece.first, piece.last


def _span(
    run: Iterable[Piece], tokens: range, strengths: tuple[int, ...], values: list[tuple[float | None, ...]]
) -> str:
    text = escape("".join(piece.text for piece in run), quote=False)
    told = [",".join([short(value) for value in values[token] if value is not None]) for token in tokens]
    titles = ";".join(filter(None, told))
    if not titles:
        return f"<s>{text}</s>"
    strength = max((strengths[token] for token in tokens), key=abs)
    if not strength:
        return f"<i title={titles}>{text}</i>"
    return f"<i class={'p' if strength > 0 else 'n'}{abs(strength)} title={titles}>{text}</i>"
