"""Lines of exact width from the tokens of a context: a concordance line, or wrapped lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .pieces import Piece, pieces

PADDING = -1
"""Marks a span that belongs to no token."""


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring cells of one token, or of the tokens `token` to `last` that share a character."""

    text: str
    token: int
    last: int
    width: int  # cells

    def belongs_to(self, token: int) -> bool:
        return self.token <= token <= self.last

    @property
    def tokens(self) -> range:
        """The tokens that share these cells; none for padding."""
        return range(0) if self.token == PADDING else range(self.token, self.last + 1)


_TAB = 4

Line = tuple[Span, ...]
"""Spans that follow one another on the screen; their widths add up to the width that was asked for."""


def concordance(
    tokens: Sequence[str],
    peak: int,
    before: int,
    after: int,
    *,
    marks: tuple[str, str] | None = None,
    ascii_only: bool = False,
) -> Line:
    """One line of exactly `before + after` cells in which the peak starts at column `before`.

    Text is cut where no more characters fit and padded with blanks; a run of blanks or newlines shows as one
    stand-in. `marks` are two one-cell characters put around the peak, the first in column `before - 1`.
    """
    parts = pieces(tokens, peak, ascii_only=ascii_only)
    start = next((place for place, piece in enumerate(parts) if piece.belongs_to(peak)), len(parts))
    end = start
    while end < len(parts) and parts[end].belongs_to(peak):
        end += 1
    opening, closing = _marks(marks, peak, before, after)
    room = after - len(closing)
    left = _last_cells(parts[:start], before - len(opening))
    inside = _first_cells(parts[start:end], room)
    right = _first_cells(parts[end:], room - _cells(inside))
    line = [*_padding(before - len(opening) - _cells(left)), *left, *opening, *inside, *closing, *right]
    return _joined([*line, *_padding(before + after - _cells(line))])


def wrap(
    tokens: Sequence[str],
    width: int,
    *,
    peak: int | None = None,
    marks: tuple[str, str] | None = None,
    ascii_only: bool = False,
    as_written: bool = False,
) -> list[Line]:
    """All the tokens as lines of exactly `width` cells each, broken after blanks where possible.

    The peak has cells of its own, with the one-cell `marks` around it. What is wider than a line shows as ?.
    `as_written`: a line also ends after each newline of the text, blanks stand one by one, and a tab reaches to the
    next multiple of four cells.
    """
    if width < 1:
        return []
    lines: list[Line] = []
    line: list[Span] = []
    parts = _marked(pieces(tokens, peak, collapse=not as_written, ascii_only=ascii_only), peak, marks)
    for unit, blanks in _units(parts, width):
        if as_written and blanks == "\t" and (stop := min(-_cells(line) % _TAB or _TAB, width)) > unit.width:
            unit = replace(unit, text=unit.text + " " * (stop - unit.width), width=stop)
        while line and _cells(line) + unit.width > width:
            place = _break(line)
            lines.append(_joined([*line[:place], *_padding(width - _cells(line[:place]))]))
            line = line[place:]
        line.append(unit)
        if as_written and blanks == "\n":
            lines.append(_joined([*line, *_padding(width - _cells(line))]))
            line = []
    if line:
        lines.append(_joined([*line, *_padding(width - _cells(line))]))
    return lines


def text_of(line: Iterable[Span]) -> str:
    """The text of a line."""
    return "".join(span.text for span in line)


def _marks(
    marks: tuple[str, str] | None, peak: int, before: int, after: int
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    if marks is None:
        return (), ()
    opening = (Span(marks[0], peak, peak, 1),) if before >= 1 else ()
    closing = (Span(marks[1], peak, peak, 1),) if after >= 2 else ()
    return opening, closing


def _marked(parts: list[Piece], peak: int | None, marks: tuple[str, str] | None) -> list[Piece]:
    places = [place for place, piece in enumerate(parts) if peak is not None and piece.belongs_to(peak)]
    if peak is None or marks is None or not places:
        return parts
    start, end = places[0], places[-1] + 1
    opening, closing = (Piece(mark, peak, peak, 1, False) for mark in marks)
    return [*parts[:start], opening, *parts[start:end], closing, *parts[end:]]


def _cells(spans: Iterable[Span]) -> int:
    return sum(span.width for span in spans)


def _padding(cells: int) -> tuple[Span, ...]:
    return (Span(" " * cells, PADDING, PADDING, cells),) if cells > 0 else ()


def _span(piece: Piece) -> Span:
    return Span(piece.text, piece.first, piece.last, piece.width)


def _first_cells(parts: Sequence[Piece], room: int) -> list[Span]:
    out: list[Span] = []
    for piece in parts:
        if piece.width <= room:
            out.append(_span(piece))
            room -= piece.width
            continue
        if piece.sliceable and room > 0:
            out.append(Span(piece.text[:room], piece.first, piece.last, room))
        break
    return out


def _last_cells(parts: Sequence[Piece], room: int) -> list[Span]:
    out: list[Span] = []
    for piece in reversed(parts):
        if piece.width <= room:
            out.append(_span(piece))
            room -= piece.width
            continue
        if piece.sliceable and room > 0:
            out.append(Span(piece.text[-room:], piece.first, piece.last, room))
        break
    return out[::-1]


def _units(parts: Iterable[Piece], width: int) -> Iterable[tuple[Span, str]]:
    """The pieces as the smallest spans that may not be cut, with the blanks that each stands for.

    A piece that is wider than the line is cut all the same.
    """
    for piece in parts:
        if piece.sliceable:
            for character in piece.text:
                yield Span(character, piece.first, piece.last, 1), ""
        elif piece.width <= width:
            yield _span(piece), piece.blanks
        else:
            yield Span("?" * width, piece.first, piece.last, width), piece.blanks


def _break(line: Sequence[Span]) -> int:
    """Where to break a full line: after its last blank, or at its end."""
    for place in range(len(line), 0, -1):
        if line[place - 1].text in _BREAKS:
            return place
    return len(line)


_BREAKS = (" ", "␣", "↵", "→", "_", "\\n", "\\t")


def _joined(spans: Sequence[Span]) -> Line:
    """Neighbouring spans of the same tokens made one."""
    out: list[Span] = []
    for span in spans:
        if out and (out[-1].token, out[-1].last) == (span.token, span.last):
            out[-1] = Span(out[-1].text + span.text, span.token, span.last, out[-1].width + span.width)
        else:
            out.append(span)
    return tuple(out)
