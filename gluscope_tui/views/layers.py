"""The layers of an index: a table with shaded cells for people, the same numbers for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.database.format.classes import ATYPICAL_CLASSES, CLASSES
from indexer.database.query.layers import LayerRow
from indexer.quadrants import QUADRANTS

from ..colour.depth import Depth
from ..colour.ramp import ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from .columns import Columns
from .numbers import exact, full_count

_CLASS_TITLES = (
    ("", "strengthening"),
    ("conditional", "strengthening"),
    ("proportional", "change"),
    ("orthogonal", "output"),
    ("conditional", "weakening"),
    ("", "weakening"),
    ("", "atypical"),
)
_SHORT_TITLES = (
    ("", "stren."),
    ("cond.", "stren."),
    ("prop.", "change"),
    ("orth.", "output"),
    ("cond.", "weak."),
    ("", "weak."),
    ("", "atyp."),
)
"""The same where there is less room."""
_SHARE = 5  # cells
_GAMMA = 0.6
"""Shades grow faster at first, so that a share of a few per cent can be seen."""

_ALWAYS = ("site", "neurons", *(f"frequency_{q.letters}" for q in QUADRANTS), "frequency_gate_positive")
_CLASSES = (*(name.replace(" ", "_") for name in CLASSES), "atypical")
_APART = tuple(name.replace(" ", "_") for name in ATYPICAL_CLASSES)
FIELDS = (*_ALWAYS, "mostly_open", *(f"never_{q.letters}" for q in QUADRANTS), *_CLASSES, *_APART)
"""The columns of plain and CSV lines and the keys of the JSON."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table: its text, and how dark it is."""

    text: str
    share: float | None = None  # 0 to 1: how dark


def as_object(row: LayerRow) -> dict[str, Any]:
    """The row by FIELDS; null without tokens, or without weights."""
    classes: Mapping[str, int | None] = row.classes or dict.fromkeys((*CLASSES, *ATYPICAL_CLASSES))
    values = (
        row.site.name,
        row.neurons,
        *(_mean(row.frequency[quadrant]) for quadrant in QUADRANTS),
        _mean(row.gate_positive),
        row.mostly_open,
        *(row.never[quadrant] for quadrant in QUADRANTS),
        *(classes[name] for name in CLASSES),
        row.atypical,
        *(classes[name] for name in ATYPICAL_CLASSES),
    )
    return dict(zip(FIELDS, values, strict=True))


def _mean(value: float | None) -> float | None:
    """A mean as precise as a float32: in the digits after those, versions of SQLite differ."""
    return None if value is None else float(exact(value))


def fields(row: LayerRow) -> list[str]:
    """The values of FIELDS as scripts read them."""
    return ["" if value is None else str(value) for value in as_object(row).values()]


COLUMNS = Columns(FIELDS, fields, as_object)


def lines(
    rows: Sequence[LayerRow], width: int, depth: Depth, *, light: bool
) -> tuple[list[StyledLine], tuple[str, ...]]:
    """Headings, then one line a site, shaded from 0 to 100 % of tokens or neurons; and the columns that don't fit."""
    styles = ramp(depth, light=light)

    def style(share: float | None) -> Style:
        if share is None or depth in (Depth.PLAIN, Depth.NONE):
            return PLAIN
        return styles.style(1.0, shade(share, styles.steps))

    heads = headings(rows, width)
    cells = [cells_of(row, len(heads)) for row in rows]
    widths = [
        max(cell_len(text) for text in (*heads[place], *(row[place].text for row in cells)))
        for place in range(len(heads))
    ]
    fitting = max(1, sum(sum(widths[: place + 1]) + place <= width for place in range(len(widths))))
    found = [_line([(head[level], PLAIN) for head in heads[:fitting]], widths) for level in range(2)]
    found += [_line([(cell.text, style(cell.share)) for cell in row[:fitting]], widths) for row in cells]
    return found, (*_ALWAYS, *_CLASSES)[fitting : len(heads)]


def headings(rows: Sequence[LayerRow], width: int = 0) -> list[tuple[str, str]]:
    """The headings of the columns, two lines each; classes only if the index has them, in full if `width` has room."""
    heads = [("", "site"), ("", "neurons"), *(("", quadrant.value) for quadrant in QUADRANTS), ("gate", "> 0")]
    if not any(row.classes is not None for row in rows):
        return heads
    before = max(len(row.site.name) for row in rows) + len("neurons") + 5 * _SHARE + len(heads)
    long = sum(max(map(len, title)) + 1 for title in _CLASS_TITLES)
    return heads + list(_CLASS_TITLES if before + long <= width else _SHORT_TITLES)


def shade(share: float, steps: int) -> int:
    """How dark a share of 0 to 1 is shown, from 0 to `steps`."""
    return round(float(min(share, 1.0) ** _GAMMA) * steps)


def cells_of(row: LayerRow, count: int) -> list[Cell]:
    """The cells of a site, `count` of them: under the headings."""
    found = [Cell(row.site.name), Cell(full_count(row.neurons))]
    shares = [*(row.frequency[quadrant] for quadrant in QUADRANTS), row.gate_positive]
    found += [Cell("-" if share is None else f"{100 * share:.1f}", share) for share in shares]
    if row.classes is not None and row.atypical is not None:
        numbers = [*(row.classes[name] for name in CLASSES), row.atypical]
        found += [Cell(full_count(number), number / row.neurons if row.neurons else 0.0) for number in numbers]
    return found + [Cell("-")] * (count - len(found))


def condition_of(site: str, place: int) -> str:
    """The condition on the neurons that a cell of a site counts, by its place under the headings.

    All neurons of the site for a cell that counts none in particular.
    """
    name = (*_ALWAYS, *_CLASSES)[place]
    here = f"site = '{site}'"
    if name == "atypical":
        return f"{here} and rw_class like 'atypical%'"
    return f"{here} and rw_class = '{name.replace('_', ' ')}'" if name in _CLASSES else here


def example(rows: Sequence[LayerRow]) -> str:
    """The condition of one cell that counts neurons of a rare class; "" if there is none."""
    columns = range(len(_ALWAYS), len(_ALWAYS) + len(_CLASSES))
    for row in reversed(rows):
        if row.classes is not None:
            cells = cells_of(row, columns.stop)
            there = [place for place in columns if cells[place].share]
            if there:
                return condition_of(row.site.name, min(there, key=lambda place: cells[place].share or 0.0))
    return ""


def column_of(place: int) -> str:
    """The column of neurons that a cell is a mean of; "" for cells that count neurons."""
    name = (*_ALWAYS, *_CLASSES)[place]
    return name if name.startswith("frequency_") else ""


def _line(cells: Sequence[tuple[str, Style]], widths: Sequence[int]) -> StyledLine:
    found: list[tuple[str, Style]] = []
    for place, ((text, style), width) in enumerate(zip(cells, widths, strict=False)):
        if place:
            found.append((" ", PLAIN))
        found.append(((column if place else fit)(text, width), style))
    return tuple(found)
