"""Hits of a search, for people and for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from indexer.database.records import Hit

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from ..text.clean import BLANK, NEWLINE, TAB, clean
from .columns import Columns
from .contexts import PEAK_AT
from .json import context
from .numbers import exact, signed
from .text import around_peak

FIELDS = ("neuron", "quadrant", "strength", "ranking", "rank", "value", "document", "part", "position", "text")
"""The columns of CSV."""

_BOLD = Style(bold=True)
_PEAK = Style(bold=True, underline=True)
_WANTED = Style(underline=True)
_NAME, _STRENGTH, _RANKING, _VALUE = 10, 4, 6, 8  # cells
_NARROWEST = 16  # cells of text


def fields(hit: Hit) -> tuple[str, ...]:
    """The values of FIELDS; the text is cleaned, its peak in «»."""
    example = hit.example
    before, peak, after = around_peak(example)
    numbers = (example.document, example.part, example.position)
    where = (hit.neuron.name, hit.quadrant.value, f"{hit.strength:.3f}", hit.ranking, str(example.rank))
    return (*where, exact(hit.value), *map(str, numbers), f"{before}«{peak}»{after}")


def as_object(hit: Hit) -> dict[str, Any]:
    """The JSON of a hit: its place, its strength, and its example as in `gluscope show`."""
    return {
        "neuron": hit.neuron.name,
        "quadrant": hit.quadrant.value,
        "strength": round(hit.strength, 4),
        "ranking": hit.ranking,
        **context(hit.example),
    }


COLUMNS = Columns(FIELDS, fields, as_object, last_in_plain="strength")
"""Plain lines begin with the fields of `gluscope show`."""


def shown_pattern(texts: Iterable[str], *, exact: bool) -> re.Pattern[str]:
    """A pattern that finds the searched texts in cleaned contexts."""
    found = []
    for text in texts:
        parts = [re.escape(clean(part)) for part in text.split()] or [re.escape(clean(text))]
        found.append(f"[{BLANK}{NEWLINE}{TAB} ]+".join(parts))
    return re.compile("|".join(found), 0 if exact else re.IGNORECASE)


def lines(hits: Iterable[Hit], width: int, depth: Depth, wanted: re.Pattern[str] | None = None) -> Iterator[StyledLine]:
    """A heading for each quadrant and a line for each hit, with the peaks in one column.

    The `wanted` text is underlined; a line that would not show it is shifted.
    """
    plain_only = depth is Depth.PLAIN
    for number, (quadrant, group) in enumerate(groupby(hits, key=lambda hit: hit.quadrant)):
        if number:
            yield ()
        yield ((quadrant.value, PLAIN if plain_only else _BOLD),)
        for hit in group:
            name = fit(hit.neuron.name, max(_NAME, cell_len(hit.neuron.name)))
            strength = column(f"{100 * hit.strength:.0f}%", _STRENGTH)
            head = f"{name} {strength} {fit(hit.ranking, _RANKING)} {column(signed(hit.value), _VALUE)}  "
            room = max(width - cell_len(head), _NARROWEST)
            yield ((head, PLAIN), *_context(hit, room, wanted, plain_only=plain_only))


def _context(hit: Hit, room: int, wanted: re.Pattern[str] | None, *, plain_only: bool) -> StyledLine:
    before, peak, after = around_peak(hit.example)
    marks = ("«", "»") if plain_only else ("", "")
    left = " " * room + before + marks[0]
    text = f"{left}{peak}{marks[1]}{after}"
    styles = [PLAIN] * len(left) + [PLAIN if plain_only else _PEAK] * len(peak)
    styles += [PLAIN] * (len(text) - len(styles))
    start, lead = _back(text, len(left) - len(marks[0]), int(room * PEAK_AT))
    if wanted is not None and (found := wanted.search(text)) is not None:
        if not plain_only:
            for place in range(*found.span()):
                styles[place] = _PEAK if styles[place] == _PEAK else _WANTED
        first, _ = _back(text, found.end(), room)
        if not first <= start <= found.start():
            start, lead = max(min(start, found.start()), first), 0
    line: list[tuple[str, Style]] = [(" " * lead, PLAIN)]
    used = lead
    for character, style in zip(text[start:], styles[start:], strict=True):
        used += cell_len(character)
        if used > room:
            break
        line.append((character, style))
    runs = groupby(line, key=lambda one: one[1])
    return tuple(("".join(character for character, _ in run), style) for style, run in runs)


def _back(text: str, place: int, cells: int) -> tuple[int, int]:
    """The place that is `cells` before another, and the cells missing if a wide character is in the way."""
    while place > 0 and cells >= (width := cell_len(text[place - 1])):
        place -= 1
        cells -= width
    return place, cells
