"""The header of a neuron above its contexts: its name, and the table of its quadrants."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.database.records import NeuronRecord, QuadrantRecord
from indexer.quadrants import QUANTITIES

from ..text.cells import cell_len, column, fit, flow
from ..text.clean import clean
from .numbers import frequency, full_count, signed

COLUMNS = ("quadrant", "count", "freq", *QUANTITIES, *QUANTITIES)
"""The table's columns: count and frequency, then the means and the extremes of the four quantities."""


def signs_of(record: NeuronRecord) -> str:
    """How the signs are shown, and what alignment did: `aligned, flipped`."""
    if record.flipped is None:
        return f"{record.signs}, flip unknown"
    if record.signs == "raw":
        return f"raw, {'flips' if record.flipped else 'stays'} when aligned"
    return f"aligned, {'flipped' if record.flipped else 'not flipped'}"


def tokens_of(record: NeuronRecord) -> str:
    """The number of tokens counted: `113,000 of 113,108 tokens counted`; for an expert, also its share of tokens."""
    counted, corpus = full_count(record.tokens_counted), full_count(record.tokens_corpus)
    of_all = counted if counted == corpus else f"{counted} of {corpus}"
    if record.neuron.site.expert is not None:
        return f"{of_all} tokens routed ({frequency(record.tokens_counted, record.tokens_corpus)})" + _in_none(record)
    return f"{of_all} tokens counted" + _in_none(record)


def _in_none(record: NeuronRecord) -> str:
    return f", {full_count(record.zero)} in no quadrant" if record.zero else ""


def header(record: NeuronRecord, width: int) -> list[str]:
    """Neuron, model, signs and tokens, in a line if they fit in `width` cells; the names are cleaned."""
    return flow((record.neuron.name, clean(record.model), signs_of(record), tokens_of(record)), width)


def cells_of(quadrant: QuadrantRecord, total: int) -> tuple[str, ...]:
    """The quadrant's row of the table, a text for each of COLUMNS."""
    return (
        quadrant.quadrant.value,
        full_count(quadrant.count),
        frequency(quadrant.count, total),
        *(signed(quadrant.mean[quantity]) for quantity in QUANTITIES),
        *(signed(quadrant.extreme[quantity]) for quantity in QUANTITIES),
    )


def table(quadrants: Sequence[QuadrantRecord], total: int, width: int) -> list[str]:
    """The quadrants as a table. Small widths narrow its gaps, then split it into several tables: means, extremes ..."""
    rows = [("", *COLUMNS[1:]), *(cells_of(quadrant, total) for quadrant in quadrants)]
    for gap in (2, 1):
        side_by_side = _titled(rows, (*range(11),), gap)
        if _fits(side_by_side, width):
            return side_by_side
    upper = _titled(rows, (*range(7),), 1)
    if not _fits(upper, width):
        upper = [*_narrow(rows, range(1, 3), width), *_narrow(rows, range(3, 7), width)]
    return [*upper, *_narrow(rows, range(7, 11), width)]


def _narrow(rows: Sequence[Sequence[str]], part: Sequence[int], width: int) -> list[str]:
    """Some columns next to the quadrants, or below each other if they don't fit."""
    for count in range(len(part), 0, -1):
        lines = _titled(rows, (0, *part[:count]), 1)
        if count == 1 or _fits(lines, width):
            break
    return lines + (_narrow(rows, part[count:], width) if part[count:] else [])


def _fits(lines: Sequence[str], width: int) -> bool:
    return all(cell_len(line) <= width for line in lines)


def _titled(rows: Sequence[Sequence[str]], places: tuple[int, ...], gap: int) -> list[str]:
    """Some columns of the rows, with the titles of the means and the extremes above their first columns."""
    titles = {min(there): title for group, title in _TITLES if (there := set(places).intersection(group))}
    widths = {place: max(cell_len(row[place]) for row in rows) for place in places}
    gaps = {place: " " * (0 if place == 0 else gap + 1 if place in titles else gap) for place in places}
    above, start = "", 0
    for place in places:
        start += len(gaps[place])
        above = fit(above, start) + titles[place] if place in titles else above
        start += widths[place]
    lines = [above] if titles else []
    for row in rows:
        cells = (gaps[place] + (fit if place == 0 else column)(row[place], widths[place]) for place in places)
        lines.append("".join(cells))
    return [line.rstrip() for line in lines]


_TITLES = ((range(3, 7), "mean"), (range(7, 11), "extreme"))
"""The titles above columns of the table."""
