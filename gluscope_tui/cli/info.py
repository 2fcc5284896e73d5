"""`gluscope info`: prints the provenance of an index."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

import indexer
from indexer.database.records import IndexInfo

from .options import Color, Db, index_path, one_index
from .output import emit, emit_lines

Format = Literal["rich", "plain", "json"]


def command(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="The index; the same as --db.")] = None,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="rich on a terminal, plain in a pipe, unless said here.")
    ] = None,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Tell what an index is made of: model, corpus, settings, coverage, software, size, sites.

    A site is one gated MLP: L12 that of a layer, L12E3 an expert in it, L12S its shared expert.
    """
    with indexer.open(index_path(one_index(file, db, "info"))) as index:
        record = index.info()
    chosen = format or ("rich" if sys.stdout.isatty() else "plain")
    if chosen == "json":
        from ..views import json

        emit((f"{json.dumps(json.info(record))}\n",))
    elif chosen == "plain":
        from ..views import info

        emit_lines(info.plain(record))
    else:
        emit_lines(_rich(record, color))


def _rich(record: IndexInfo, color: str) -> Iterator[str]:
    from ..colour.depth import Depth, detect
    from ..colour.style import PLAIN, Style
    from ..text.cells import cell_len, fit
    from ..views.info import sections

    found = detect(color, environment=os.environ, terminal=sys.stdout.isatty())
    bold = PLAIN if found.depth is Depth.PLAIN else Style(bold=True)
    for title, fields in sections(record):
        yield bold.paint(title)
        width = max((cell_len(name) for name, _ in fields), default=0)
        for name, value in fields:
            yield f"  {fit(name, width)}  {value}"
        yield ""
