"""The contexts of a pane as rows: values in front, tokens in colour, and the cell in which each token lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from indexer.database.records import Example
from indexer.quadrants import Quadrant
from indexer.ranking import RANKINGS

from ...colour.style import Style, StyledLine
from ...views.contexts import Fragment, Look, context_line, context_lines, split_width
from ...views.numbers import signed
from .find import found_tokens
from .palette import Palette

BEFORE, AFTER = "[", "]"
"""Stand around the token under the cursor where there is a blank for them; it is underlined besides."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a context: styled text of an exact width, and (first cell, cell behind, token) for its tokens."""

    parts: StyledLine
    cells: tuple[tuple[int, int, int], ...]

    def token_at(self, cell: int) -> int | None:
        return next((token for start, stop, token in self.cells if start <= cell < stop), None)


@lru_cache(maxsize=512)
def fragments(
    example: Example, quadrant: Quadrant, width: int, look: Look, wrap: bool
) -> tuple[tuple[Fragment, ...], ...]:
    """The lines of a context: one with the peak at its column, or all of the window wrapped."""
    if wrap:
        return tuple(context_lines(example, quadrant, width, look))
    return (context_line(example, quadrant, *split_width(width), look),)


def context_rows(
    example: Example,
    quadrant: Quadrant,
    width: int,
    look: Look,
    palette: Palette,
    *,
    wrap: bool = False,
    cursor: int | None = None,
    find: str = "",
) -> list[Row]:
    """A context's rows of `width` cells. `cursor`: the token that is marked; `find`: text that is marked."""
    found = found_tokens(example.tokens, find) if find else frozenset()
    rows = []
    for line in fragments(example, quadrant, width, look, wrap):
        parts: list[tuple[str, Style]] = []
        cells: list[tuple[int, int, int]] = []
        start = 0
        for piece in line:
            tokens = range(max(piece.token, 0), piece.last + 1)
            style = palette.on_ground(piece.style, palette.faint)
            if any(token in found for token in tokens):
                style = replace(palette.match, bold=style.bold)
            text = piece.text
            if cursor is not None and cursor in tokens:
                style = replace(style, underline=True)
                text = f"{BEFORE}{text[1:]}" if text.startswith(" ") and text != " " else text
            elif parts and cursor is not None and cursor == piece.token - 1 and text.startswith(" "):
                text = f"{AFTER}{text[1:]}"
            parts.append((text, style))
            if piece.token >= 0:
                cells.append((start, start + piece.width, piece.token))
            start += piece.width
        rows.append(Row(tuple(parts), tuple(cells)))
    return rows


def value_columns(examples: Sequence[Example], ranking: str, *, wide: bool) -> tuple[str, list[str]]:
    """What stands in front of each context, all of one width, under its heading: the value that is ranked; wide, also
    post, gate and in at the peak."""
    names = [factor.value for factor in RANKINGS[ranking].factors]
    columns = [["·".join(names), *(signed(example.value) for example in examples)]]
    if not wide:
        return columns[0][0], list(_aligned(columns[0][1:]))
    columns += [
        [name, *(signed(example.values(name)[example.peak]) for example in examples)]
        for name in ("post", "gate", "in")
        if [name] != names
    ]
    heading, *rows = [" ".join(cells) for cells in zip(*map(_aligned, columns), strict=True)]
    return heading, rows


def _aligned(texts: Sequence[str]) -> Iterator[str]:
    width = max(map(len, texts), default=0)
    return (text.rjust(width) for text in texts)
