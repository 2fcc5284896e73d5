"""What a search found, for people and for scripts."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from indexer.database.records import Hit

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from .contexts import PEAK_AT
from .json import context
from .numbers import exact, signed
from .text import around_peak

FIELDS = ("neuron", "quadrant", "strength", "ranking", "rank", "value", "document", "part", "position", "text")
"""The columns of CSV."""

_BOLD = Style(bold=True)
_PEAK = Style(bold=True, underline=True)
_NAME, _STRENGTH, _RANKING, _VALUE = 10, 4, 6, 8  # cells
_NARROWEST = 16  # cells of text


def plain(hit: Hit) -> str:
    """A line as `gluscope show` prints contexts: neuron, quadrant, ranking, rank, value, place, text with «peak»."""
    example = hit.example
    before, peak, after = around_peak(example)
    numbers = (example.document, example.part, example.position)
    fields = (hit.ranking, str(example.rank), exact(hit.value), *map(str, numbers), f"{before}«{peak}»{after}")
    return "\t".join((hit.neuron.name, hit.quadrant.value, *fields))


def csv(hits: Iterable[Hit]) -> Iterator[str]:
    """Comma-separated lines below the names of FIELDS; the text is cleaned, its peak in «»."""
    yield ",".join(FIELDS)
    for hit in hits:
        neuron, quadrant, *rest, text = plain(hit).split("\t")
        line = io.StringIO()
        csv_module.writer(line, lineterminator="").writerow((neuron, quadrant, f"{hit.strength:.3f}", *rest, text))
        yield line.getvalue()


def as_object(hit: Hit) -> dict[str, Any]:
    """The JSON of a hit: where it is, how strong, and its example as `gluscope show` tells it."""
    return {
        "neuron": hit.neuron.name,
        "quadrant": hit.quadrant.value,
        "strength": round(hit.strength, 4),
        "ranking": hit.ranking,
        **context(hit.example),
    }


def lines(hits: Iterable[Hit], width: int, depth: Depth) -> Iterator[StyledLine]:
    """For each quadrant a heading and a line a hit, their peaks in one column."""
    bold, marked = (PLAIN, PLAIN) if depth is Depth.PLAIN else (_BOLD, _PEAK)
    for number, (quadrant, group) in enumerate(groupby(hits, key=lambda hit: hit.quadrant)):
        if number:
            yield ()
        yield ((quadrant.value, bold),)
        for hit in group:
            name = fit(hit.neuron.name, max(_NAME, cell_len(hit.neuron.name)))
            strength = column(f"{100 * hit.strength:.0f}%", _STRENGTH)
            head = f"{name} {strength} {fit(hit.ranking, _RANKING)} {column(signed(hit.value), _VALUE)}  "
            yield ((head, PLAIN), *_context(hit, max(width - cell_len(head), _NARROWEST), marked))


def _context(hit: Hit, room: int, marked: Style) -> StyledLine:
    before, peak, after = around_peak(hit.example)
    if marked == PLAIN:
        peak = f"«{peak}»"
    left = int(room * PEAK_AT)
    start = _last_cells(before, left)
    peak = fit(peak, min(cell_len(peak), room - left))
    return ((start, PLAIN), (peak, marked), (fit(after, room - left - cell_len(peak)), PLAIN))


def _last_cells(text: str, width: int) -> str:
    """The end of a text in exactly so many cells, filled up in front."""
    while cell_len(text) > width:
        text = text[max(1, len(text) - width) if len(text) > width else 1 :]
    return " " * (width - cell_len(text)) + text
