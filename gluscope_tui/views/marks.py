"""Marks for people and for scripts, and as a report in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from indexer.database.records import NeuronRecord

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..kept.marks import FIELDS, Mark
from ..text.cells import cell_len, fit, shorten
from ..text.clean import clean
from .columns import Columns
from .markdown import code, neuron, prose
from .numbers import counted

_SHOWN = ("neuron", "quadrant", "date", "tags", "note")
"""The columns of the table, the widest last."""
_MOST_TAGS = 24  # cells
_LEAST_NOTE = 8


def fields(mark: Mark) -> tuple[str, ...]:
    """The values of FIELDS, cleaned."""
    return tuple(clean(field) for field in mark.fields)


def as_object(mark: Mark) -> dict[str, Any]:
    """The JSON of a mark."""
    quadrant = None if mark.quadrant is None else mark.quadrant.value
    values = (str(mark.neuron), quadrant, mark.note, list(mark.tags), mark.date)
    return dict(zip(FIELDS, values, strict=True))


COLUMNS = Columns(FIELDS, fields, as_object)


def lines(marks: Sequence[Mark], width: int, depth: Depth) -> list[StyledLine]:
    """A line a mark under bold headings; a note that doesn't fit is cut."""
    rows = [[dict(zip(FIELDS, fields(mark), strict=True))[name] for name in _SHOWN] for mark in marks]
    widths = [max(map(cell_len, cells)) for cells in zip(_SHOWN, *rows, strict=True)]
    widths[3] = min(widths[3], _MOST_TAGS)
    widths[-1] = max(_LEAST_NOTE, width - sum(widths[:-1]) - 2 * (len(widths) - 1))
    bold = PLAIN if depth is Depth.PLAIN else Style(bold=True)
    found: list[StyledLine] = []
    for place, row in enumerate([list(_SHOWN), *rows]):
        cells = [fit(shorten(text, room), room) for text, room in zip(row, widths, strict=True)]
        found.append((("  ".join(cells).rstrip(" "), PLAIN if place else bold),))
    return found


def heading(file: str, model: str, tokens: int, count: int) -> Iterator[str]:
    """The head of a report: what was marked where. `tokens`: of the corpus."""
    yield f"# {counted(count, 'mark')} in {code(clean(file))}"
    yield ""
    yield f"{code(clean(model))}; {counted(tokens, 'token')}"
    yield ""


def section(mark: Mark, record: NeuronRecord) -> Iterator[str]:
    """The section of a mark: note, statistics, the contexts of its quadrant (of a whole neuron, of all four)."""
    about = [f"*{prose(mark.note)}*" if mark.note else "", *(code(f"#{clean(tag)}") for tag in mark.tags)]
    if mark.date:
        about.append(f"({prose(mark.date)})")
    told = " ".join(filter(None, about))
    quadrants = None if mark.quadrant is None else (mark.quadrant,)
    title = record.neuron.name if mark.quadrant is None else f"{record.neuron.name} {code(mark.quadrant.value)}"
    yield from neuron(record, title=title, preface=told, contexts_of=quadrants)
