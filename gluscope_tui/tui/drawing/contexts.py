"""The contexts of a pane as rows: leading values, coloured tokens, and the cells of each token."""

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
from ...views.turns import column, letters
from .find import found_tokens
from .palette import Palette

BEFORE, AFTER = "[", "]"
"""Brackets around the token under the cursor if blanks leave room for them; the token is always underlined."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a context: styled text of an exact width, and (first cell, end cell, token) for each of its tokens."""

    parts: StyledLine
    cells: tuple[tuple[int, int, int], ...]

    def token_at(self, cell: int) -> int | None:
        return next((token for start, stop, token in self.cells if start <= cell < stop), None)


@lru_cache(maxsize=512)
def fragments(
    example: Example, quadrant: Quadrant, width: int, look: Look, wrap: bool, as_written: bool = False
) -> tuple[tuple[Fragment, ...], ...]:
    """The lines of a context: one line with the peak in its column, or the whole window wrapped, also `as_written`."""
    if wrap or as_written:
        return tuple(context_lines(example, quadrant, width, look, as_written=as_written))
    return (context_line(example, quadrant, *split_width(width), look),)


def context_rows(
    example: Example,
    quadrant: Quadrant,
    width: int,
    look: Look,
    palette: Palette,
    *,
    wrap: bool = False,
    as_written: bool = False,
    cursor: int | None = None,
    find: str = "",
) -> list[Row]:
    """A context's rows of `width` cells. The token `cursor` and occurrences of the text `find` are marked."""
    found = found_tokens(example.tokens, find) if find else frozenset()
    rows = []
    for line in fragments(example, quadrant, width, look, wrap, as_written):
        parts: list[tuple[str, Style]] = []
        cells: list[tuple[int, int, int]] = []
        start, after, opened = 0, False, False  # after the cursor's token; whether a bracket stands before it
        for piece in line:
            tokens = range(max(piece.token, 0), piece.last + 1)
            style = palette.on_ground(piece.style, palette.faint)
            if any(token in found for token in tokens):
                style = replace(palette.match, bold=style.bold)
            text = piece.text
            if cursor is not None and cursor in tokens:
                style = replace(style, underline=True)
                opened = text.startswith(" ") and text != " "
                text = f"{BEFORE}{text[1:]}" if opened else text
            elif after and text.startswith(" ") and (opened or piece.token >= 0):  # or in the blanks that fill a line
                text = f"{AFTER}{text[1:]}"
            after = cursor is not None and cursor in tokens and cursor == tokens[-1]
            parts.append((text, style))
            if piece.token >= 0:
                cells.append((start, start + piece.width, piece.token))
            start += piece.width
        rows.append(Row(tuple(parts), tuple(cells)))
    return rows


def value_columns(examples: Sequence[Example], ranking: str, *, wide: bool) -> tuple[str, list[str]]:
    """The values before each context, all of one width, under their heading: the ranked value at the peak.

    A wide pane adds post, gate and in at the peak. In a conversation the role at the peak follows, and `sink` where
    the peak is an attention sink; narrow panes show their first letters.
    """
    heading, values = _values(examples, ranking, wide=wide)
    said = column(examples) if wide else letters(examples)
    if not any(map(str.strip, said)):
        return heading, values
    return f"{heading} {'says'.ljust(len(said[0]))}".rstrip(), [
        f"{one} {by}" for one, by in zip(values, said, strict=True)
    ]


def _values(examples: Sequence[Example], ranking: str, *, wide: bool) -> tuple[str, list[str]]:
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
