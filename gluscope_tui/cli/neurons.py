"""`gluscope neurons`: the neurons of an index as a table, sorted and filtered."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import chain
from typing import Annotated, Literal

import typer

from indexer.database.reader import Index

from ..views.numbers import full_count
from ..views.table import Value
from .columns import Where, columns_in, complete, parse_columns
from .opening import open_index
from .options import Color, Db, Signs
from .output import emit, emit_lines, tell

Format = Literal["table", "plain", "json", "jsonl", "csv"]

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
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="Neurons at most; 0: all.")] = 20,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="table on a terminal, plain in a pipe, unless said here.")
    ] = None,
    signs: Annotated[
        Signs, typer.Option("--signs", help="Signs after alignment, or as the model has them.")
    ] = "aligned",
    color: Color = "auto",
    db: Db = None,
) -> None:
    """List neurons, a row each: sorted by any column, filtered by a condition over columns.

    Examples: gluscope neurons --sort frequency_np; gluscope neurons -w 'cos_in_out < -0.5 and layer >= 20' -n 0 -f csv.
    """
    from ..views import json, table

    chosen: Format = format or ("table" if sys.stdout.isatty() else "plain")
    with open_index(db) as index:
        names = _names(index, columns, sort, where)
        rows = index.rows(names, where=where, sort=sort, descending=not ascending, limit=limit or None, signs=signs)
        first = next(rows, None)
        if first is None:
            if chosen in ("json", "csv"):
                emit(json.listed(())) if chosen == "json" else emit_lines(table.csv(names, ()))
            tell("no neuron meets the condition" if where else "there is no neuron")
            raise typer.Exit(1)

        found = chain([first], rows)
        if chosen == "plain":
            emit_lines(table.plain(names, found))
        elif chosen == "csv":
            emit_lines(table.csv(names, found))
        elif chosen == "jsonl":
            emit_lines(map(json.dumps, table.objects(names, found)))
        elif chosen == "json":
            emit(json.listed(table.objects(names, found)))
        else:
            _table(index, names, list(found), where, signs, color)


def _names(index: Index, columns: str | None, sort: str | None, where: str | None) -> tuple[str, ...]:
    """The columns asked for, else the address, what is sorted and filtered by, and the usual ones."""
    has_weights = index.table.has_weights
    if columns is not None:
        return parse_columns(columns, has_weights=has_weights)
    usual = (*_DEFAULT, *(_WEIGHTS if has_weights else ()))
    return tuple(dict.fromkeys(("neuron", *columns_in(sort, where), *usual)))


def _table(
    index: Index, names: tuple[str, ...], rows: list[tuple[Value, ...]], where: str | None, signs: str, color: str
) -> None:
    """The table, and on stderr what it leaves out."""
    from ..colour.depth import detect, light_background
    from ..views import table
    from ..views.page import painted

    depth = detect(color, environment=os.environ, terminal=sys.stdout.isatty()).depth
    width = shutil.get_terminal_size().columns
    lines, left_out = table.lines(names, rows, width, depth, light=light_background(os.environ))
    emit_lines(map(painted, lines))
    total = index.count(where, signs=signs)
    if len(rows) < total:
        tell(f"{full_count(len(rows))} of {full_count(total)} neurons: more with -n")
    if left_out:
        tell(f"{', '.join(names[-left_out:])}: no room, name fewer with --columns")
