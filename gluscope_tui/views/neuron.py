"""What stands above the contexts of a neuron: who it is, and the table of its quadrants."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.database.records import NeuronRecord, QuadrantRecord
from indexer.quadrants import QUANTITIES

from ..text.cells import cell_len, column, fit
from ..text.clean import clean
from .numbers import frequency, full_count, signed

COLUMNS = ("quadrant", "count", "freq", *QUANTITIES, *QUANTITIES)
"""Of the table: count and frequency, then the means and the extremes of the four quantities."""


def signs_of(record: NeuronRecord) -> str:
    """How the signs are shown, and what alignment did: `aligned, flipped`."""
    if record.flipped is None:
        return f"{record.signs}, flip unknown"
    if record.signs == "raw":
        return f"raw, {'flips' if record.flipped else 'stays'} when aligned"
    return f"aligned, {'flipped' if record.flipped else 'not flipped'}"


def tokens_of(record: NeuronRecord) -> str:
    """How many tokens the numbers are over: `113,108 tokens`."""
    counted = f"{full_count(record.tokens_counted)} tokens"
    if record.tokens_counted != record.tokens_corpus:
        counted += f" of {full_count(record.tokens_corpus)}"
    return counted + (f", {full_count(record.zero)} in no quadrant" if record.zero else "")


def header(record: NeuronRecord) -> str:
    """One line: neuron, model, signs and tokens; the names are cleaned."""
    return "  ".join((record.neuron.name, clean(record.model), signs_of(record), tokens_of(record)))


def cells_of(quadrant: QuadrantRecord, total: int) -> tuple[str, ...]:
    """The quadrant's row of the table, a text for each of COLUMNS."""
    return (
        quadrant.quadrant.value,
        full_count(quadrant.count),
        frequency(quadrant.count, total),
        *(signed(quadrant.mean[quantity]) for quantity in QUANTITIES),
        *(signed(quadrant.extreme[quantity]) for quantity in QUANTITIES),
    )


def table(record: NeuronRecord, width: int) -> list[str]:
    """The quadrants as a table; means above extremes where both side by side are wider than `width`."""
    rows = [cells_of(quadrant, record.tokens_counted) for quadrant in record.quadrants.values()]
    first, means, extremes = slice(0, 3), slice(3, 7), slice(7, 11)
    side_by_side = _table((COLUMNS[first], COLUMNS[means], COLUMNS[extremes]), ("", "mean", "extreme"),
                          [(row[first], row[means], row[extremes]) for row in rows])  # fmt: skip
    if all(cell_len(line) <= width for line in side_by_side):
        return side_by_side
    above = _table((COLUMNS[first], COLUMNS[means]), ("", "mean"), [(row[first], row[means]) for row in rows])
    below = _table((COLUMNS[:1], COLUMNS[extremes]), ("", "extreme"), [(row[:1], row[extremes]) for row in rows])
    return [*above, *below]


Groups = Sequence[Sequence[str]]


def _table(names: Groups, titles: Sequence[str], rows: Sequence[Groups]) -> list[str]:
    """Columns in groups, each group under its title; the first column to the left, numbers to the right."""
    widths = [
        [max(cell_len(row[group][place]) for row in (names, *rows)) for place in range(len(names[group]))]
        for group in range(len(names))
    ]
    lines = []
    if any(titles):
        over = [fit(title, sum(own) + 2 * (len(own) - 1)) for title, own in zip(titles, widths, strict=True)]
        lines.append("   ".join(over).rstrip())
    for row in (names, *rows):
        groups = []
        for group, (cells, own) in enumerate(zip(row, widths, strict=True)):
            texts = [
                fit(cell, cells_wide) if group == 0 and place == 0 else column(cell, cells_wide)
                for place, (cell, cells_wide) in enumerate(zip(cells, own, strict=True))
            ]
            groups.append("  ".join(texts))
        lines.append("   ".join(groups).rstrip())
    return lines
