"""The line with everything about the token under the cursor."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.database.records import Example
from indexer.quadrants import QUANTITIES, Quadrant

from ...colour.style import StyledLine
from ...views.numbers import signed
from ...views.turns import SINK, said_by
from ..drawing.painting import Part, fitted
from ..drawing.palette import Palette
from ..drawing.token_names import token_name
from .lines import OneLine

TIGHT_UNDER = 50
"""Below this width blanks and marks are dropped, so that all four values fit."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A token of a context; `example` is None if the pane has no context."""

    example: Example | None
    quadrant: Quadrant
    token: int | None
    places: tuple[str, ...] = ()  # percentiles of gate, in, act and post; empty without a sample
    colour: str = "post"  # the quantity whose percentile is dropped last


def inspector_line(picture: Inspected, width: int, palette: Palette) -> StyledLine:
    """Quadrant, rank, document, position, token and the four values of the token under the cursor, with their
    percentiles if there is room. A value away from the peak, kept in one byte, is marked ≈."""
    example, quadrant, token = picture.example, picture.quadrant, picture.token
    if example is None:
        return ((f" {quadrant.value} has no context here", palette.faint),)
    at = example.peak if token is None else token
    where = example.position - example.peak + at
    text, whole = token_name(example.tokens, at, 24, ascii_only=palette.ascii_only)
    quoted = text if not whole else f'"{text}"' if palette.ascii_only else f"«{text}»"
    part = f".{example.part}" if example.part else ""
    tight = width < TIGHT_UNDER
    between = "" if tight else " "
    numbers = []
    places = dict(zip(QUANTITIES, picture.places or ("",) * 4, strict=True))
    for name, place in sorted(
        places.items(), key=lambda one: one[0] != picture.colour
    ):  # what is ranked or coloured first
        value = example.values(name)[at]
        if value is not None:
            rounded = not tight and at != example.peak and value != 0
            mark = palette.glyphs.about if rounded else between
            numbers.append(Part(f"{name}{mark}{signed(value)}", palette.text))
            numbers.append(Part(place, palette.faint, 6 if name == picture.colour else 7, near=True))
    parts = [
        Part(f"{palette.glyphs.cursor}{quadrant.value} #{example.rank + 1}", palette.strong, 4),
        Part(f"doc {example.document}{part} pos {where}", palette.text, 5),
        Part(quoted, palette.strong, 3),
        *(Part(word, palette.text, 5) for word in _said(example, at)),
        *(numbers or [Part("not counted", palette.faint)]),
    ]
    return fitted(parts, width, " " if tight else "  ", palette.text)


def _said(example: Example, token: int) -> list[str]:
    """Who says a token of a conversation, and whether it is a peak at an attention sink."""
    return [word for word in (said_by(example, token), SINK if example.sink and token == example.peak else "") if word]


class Inspector(OneLine[Inspected]):
    """The inspector line."""

    def line(self, picture: Inspected, width: int) -> StyledLine:
        return inspector_line(picture, width, self.palette)
