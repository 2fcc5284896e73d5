"""`gluscope neurons`: the neurons of an index as a table, sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.database.format.columns import columns_in
from indexer.database.reader import Index

from ..views.numbers import full_count
from ..views.table import Value
from .columns import Where, complete, parse_columns
from .opening import open_index
from .options import MOST, Color, Db, RowFormat, Signs
from .output import tell
from .printing import Printer

if TYPE_CHECKING:
    from ..colour.style import StyledLine

_QUADRANTS = ("pp", "pn", "np", "nn")
_DEFAULT = (*(f"frequency_{q}" for q in _QUADRANTS), *(f"extreme_post_{q}" for q in _QUADRANTS))
_WEIGHTS = ("cos_in_out", "rw_class")


def command(
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="COLUMN",
            autocompletion=complete,
            help="Largest first, of a column or arithmetic; -COLUMN: smallest first.",
        ),
    ] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest first.")] = False,
    where: Where = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", "-c", metavar="LIST", autocompletion=complete, help="Columns to print, or all."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=MOST, metavar="N", help="Neurons at most; 0: all.")
    ] = 20,
    format: RowFormat = None,
    signs: Signs = "aligned",
    color: Color = "auto",
    db: Db = None,
) -> None:
    """List neurons, one a row, sorted by any column and filtered by a condition over columns.

    Examples: gluscope neurons --sort frequency_np; gluscope neurons -w 'cos_in_out < -0.5 and layer >= 20' -n 0 -f csv.
    """
    from ..views.table import columns as layout

    printer = Printer(format, color)
    with open_index(db) as index:
        names = _names(index, columns, sort, where)
        rows = index.rows(names, where=where, sort=sort, descending=not ascending, limit=limit or None, signs=signs)
        first = next(rows, None)
        if first is None:
            printer.write((), layout(names))
            tell("no neuron meets the condition" if where else "the index has no neurons")
            _tell_notes(index, where, signs)
            raise typer.Exit(1)
        table = _Table(names, printer)
        printer.write(chain([first], rows), layout(names), table.lines)
        if printer.format == "table":
            table.tell_left_out(index.count(where, signs=signs))


def _names(index: Index, columns: str | None, sort: str | None, where: str | None) -> tuple[str, ...]:
    """The columns asked for; by default the address, the columns used to sort and filter, and the usual ones."""
    if columns is not None:
        return parse_columns(columns, index.table.columns)
    usual = (*_DEFAULT, *(_WEIGHTS if index.table.has_weights else ()))
    return tuple(dict.fromkeys(("neuron", *columns_in(sort, where), *usual)))


def _tell_notes(index: Index, where: str | None, signs: str) -> None:
    """Say of the texts that a condition looks for which are no token, or never occur."""
    from indexer.database.query.where import Holds, compile_condition

    from ..views import search_notes

    values = compile_condition(where, signs).parameters if where else ()
    places = {value.text: "writes" if value.lists else "peak" for value in values if isinstance(value, Holds)}
    for text, place in places.items():
        for note in search_notes.notes(index, [text], place):
            tell(note)


class _Table:
    """The table for people. It remembers which rows and columns it leaves out."""

    def __init__(self, names: tuple[str, ...], printer: Printer) -> None:
        self._names = names
        self._printer = printer
        self._rows = 0
        self._columns = 0

    def lines(self, rows: Iterable[Sequence[Value]]) -> list[StyledLine]:
        from ..views import table

        shown = list(rows)
        printer = self._printer
        lines, left_out = table.lines(self._names, shown, printer.width, printer.depth, light=printer.light)
        self._rows, self._columns = len(shown), len(self._names) - left_out
        return lines

    def tell_left_out(self, total: int) -> None:
        """Say on stderr how many of the `total` neurons and which columns the table leaves out."""
        if self._rows < total:
            tell(f"{full_count(self._rows)} of {full_count(total)} neurons: more with -n")
        if without_room := self._names[self._columns :]:
            tell(f"{', '.join(without_room)}: no room, name fewer with --columns")
