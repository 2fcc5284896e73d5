"""A context as HTML: every token coloured by its value, its four values beside it, the peak apart."""

from __future__ import annotations

import re
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
_FRONT = re.compile(r"(?<![\d.])0\.")
"""The 0 in front of a fraction."""


@dataclass(frozen=True, slots=True)
class Markup:
    """The text of a context in three parts, as safe HTML: `<i class=p7 title=.31,.9,.4,.77>word</i>`."""

    before: str
    peak: str
    after: str


def markup(example: Example, quadrant: Quadrant, look: Look) -> Markup:
    """The tokens of a context. A token's title holds its post, gate, in and act to three digits."""
    strengths = levels(example, quadrant, look)
    titles = [_title(values) for values in zip(*(example.values(name) for name in QUANTITIES), strict=True)]
    parts: list[list[str]] = [[], [], []]
    place = 0
    for (first, last), run in groupby(pieces(example.tokens, example.peak), key=_tokens):
        is_peak = first <= example.peak <= last
        place = 1 if is_peak else 2 if place else 0
        parts[place].append(_span(run, range(first, last + 1), strengths, titles))
    return Markup(*map("".join, parts))


def short(value: float) -> str:
    """Three digits at most, as a script reads them, without a 0 in front: 1.23, -.0912, 4e-06."""
    return _FRONT.sub(".", f"{value:.3g}")


def _title(values: tuple[float | None, ...]) -> str:
    """The numbers of a token, as `short` has each, without those that are not known."""
    post, gate, in_, act = values
    if post is None or gate is None or in_ is None or act is None:
        return ",".join([short(value) for value in values if value is not None])
    return _FRONT.sub(".", f"{post:.3g},{gate:.3g},{in_:.3g},{act:.3g}")


def _tokens(piece: Piece) -> tuple[int, int]:
    return piece.first, piece.last


def _span(run: Iterable[Piece], tokens: range, strengths: tuple[int, ...], titles: list[str]) -> str:
    text = escape("".join([piece.text for piece in run]), quote=False)
    if len(tokens) == 1:
        title, strength = titles[tokens[0]], strengths[tokens[0]]
    else:
        title = ";".join([titles[token] for token in tokens if titles[token]])
        strength = max((strengths[token] for token in tokens), key=abs)
    if not title:
        return f"<s>{text}</s>"
    if not strength:
        return f"<i title={title}>{text}</i>"
    return f"<i class={'p' if strength > 0 else 'n'}{abs(strength)} title={title}>{text}</i>"
