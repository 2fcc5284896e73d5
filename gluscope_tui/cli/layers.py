"""`gluscope layers`: what each layer does, a row each."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated, Literal

import typer

from .opening import open_index
from .options import Color, Db, Signs
from .output import emit, emit_lines, tell

Format = Literal["table", "plain", "json", "jsonl", "csv"]


def command(
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="table on a terminal, plain in a pipe, unless said here.")
    ] = None,
    signs: Annotated[
        Signs, typer.Option("--signs", help="Signs after alignment, or as the model has them.")
    ] = "aligned",
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Tell what each layer does: how often its neurons are in each quadrant, how often gates are open, their classes.

    A row a site, that is, a gated MLP: L12 of a layer, L12E3 of an expert in it, L12S of its shared expert.
    Frequencies are means over neurons, in per cent in the table; classes count neurons. Example: gluscope layers.
    """
    from ..views import json
    from ..views import layers as view

    chosen: Format = format or ("table" if sys.stdout.isatty() else "plain")
    with open_index(db) as index:
        rows = index.layers(signs=signs)
    if chosen == "plain":
        emit_lines("\t".join(view.fields(row)) for row in rows)
    elif chosen == "csv":
        emit_lines(",".join(cells) for cells in (list(view.FIELDS), *map(view.fields, rows)))
    elif chosen == "jsonl":
        emit_lines(map(json.dumps, map(view.as_object, rows)))
    elif chosen == "json":
        emit(json.listed(map(view.as_object, rows)))
    else:
        from ..colour.depth import detect, light_background
        from ..views.page import painted

        depth = detect(color, environment=os.environ, terminal=sys.stdout.isatty()).depth
        width = shutil.get_terminal_size().columns
        lines, left_out = view.lines(rows, width, depth, light=light_background(os.environ))
        emit_lines(map(painted, lines))
        if left_out:
            tell(f"{', '.join(left_out)}: no room, widen the terminal or use --format csv")
        if rows and rows[0].classes is None:
            tell("no classes: this index has nothing of the model's weights; gluscope index --weights-only adds it")
