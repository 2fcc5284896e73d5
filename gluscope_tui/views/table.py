"""Rows of neurons: a table that fits for people, plain, CSV and JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.database.format.columns import COLUMNS, Column
from indexer.quadrants import QUADRANTS

from ..colour.depth import Depth
from ..colour.ramp import ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from ..text.clean import clean
from .columns import Columns
from .layers import shade
from .numbers import exact, float32, full_count, signed

Value = str | float | None

_LEFT = ("text",)  # kinds that are left-aligned
_SHORT = {"frequency": "freq", **{quadrant.letters: quadrant.value for quadrant in QUADRANTS}}


def title(name: str) -> tuple[str, ...]:
    """The heading of a column, a word a line: freq, -+."""
    return tuple(_SHORT.get(part, part) for part in name.split("_"))


def shown(name: str, value: Value) -> str:
    """A value for people: three digits, a percentage for frequencies, `-` for null."""
    kind = COLUMNS[name].kind
    if value is None:
        return "-"
    if isinstance(value, str):
        return clean(value)
    if kind == "flag":
        return "yes" if value else "no"
    if kind == "integer":
        return str(value) if name in ("layer", "index") else full_count(int(value))
    return percent(value) if name.startswith("frequency_") or name == "null_share" else signed(value)


def percent(share: float) -> str:
    """Three digits of a percentage, fewer under 1 %; 0% only for 0, and 100% only for all."""
    points = 100 * share
    if points >= 99.95:
        return "100%" if share >= 1 else ">99.9%"
    digits = 1 if points >= 9.995 else 2 if points >= 0.9995 else 3
    return "0%" if points == 0 else f"{points:.{digits}f}%" if points >= 0.0005 else f"{points:.0e}%"


def level(name: str, value: Value, steps: int) -> int:
    """How strongly a value is shaded, from -steps to steps: shares and cosines, which all have the same scale."""
    if value is None or isinstance(value, str) or not name.startswith(("frequency_", "cos_")):
        return 0
    strength = shade(abs(value), steps)
    return strength if value > 0 else -strength


def lines(
    names: Sequence[str],
    rows: Sequence[Sequence[Value]],
    width: int,
    depth: Depth = Depth.PLAIN,
    *,
    light: bool = False,
) -> tuple[list[StyledLine], int]:
    """The table's lines, bold headings first, and how many columns did not fit.

    With colours shares and cosines are shaded, as in the explorer.
    """
    cells = [[shown(name, value) for name, value in zip(names, row, strict=True)] for row in rows]
    titles = [title(name) for name in names]
    widths = [
        max([*(cell_len(row[place]) for row in cells), *(cell_len(word) for word in titles[place])])
        for place in range(len(names))
    ]
    fitting, used = 0, -2
    for one in widths:
        used += one + 2
        if fitting and used > width:
            break
        fitting += 1
    shown_names = names[:fitting]
    high = max(len(words) for words in titles[:fitting])
    heads = [[""] * (high - len(words)) + list(words) for words in titles[:fitting]]
    bold = PLAIN if depth is Depth.PLAIN else Style(bold=True)
    above = [
        _line(shown_names, widths, words, [bold if word else PLAIN for word in words])
        for words in zip(*heads, strict=True)
    ]
    colours = ramp(depth if depth is not Depth.NONE else Depth.PLAIN, light=light)
    below = []
    for texts, row in zip(cells, rows, strict=True):
        levels = [level(name, value, colours.steps) for name, value in zip(names, row, strict=True)]
        below.append(_line(shown_names, widths, texts, [colours.style(one, abs(one)) for one in levels]))
    return above + below, len(names) - fitting


def _line(names: Sequence[str], widths: Sequence[int], texts: Sequence[str], styles: Sequence[Style]) -> StyledLine:
    found: list[tuple[str, Style]] = []
    for name, width, text, style in zip(names, widths, texts, styles, strict=False):
        found += [("  ", PLAIN)] if found else []
        found.append(((fit if COLUMNS[name].kind in _LEFT else column)(text, width), style))
    return tuple(found)


def columns(names: Sequence[str]) -> Columns[Sequence[Value]]:
    """The columns of rows that hold the values of `names`."""
    kinds = [COLUMNS[name] for name in names]
    return Columns(
        names,
        fields=lambda row: [field(kind, value) for kind, value in zip(kinds, row, strict=True)],
        as_object=lambda row: {kind.name: _json(kind, value) for kind, value in zip(kinds, row, strict=True)},
    )


def field(kind: Column, value: Value) -> str:
    """A value for scripts: a float32 as its shortest decimal, other numbers in full, "" for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    return exact(value) if kind.single else repr(value)


def _json(kind: Column, value: Value) -> Any:
    if kind.kind == "flag":
        return None if value is None else bool(value)
    return float32(value) if kind.single and isinstance(value, float) else value
