"""`gluscope info`: prints the provenance of an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from indexer.database.records import IndexInfo
from indexer.database.remote.place import is_remote

from .opening import open_named, reading_name
from .options import Color, Db, format_option, one_index
from .output import emit_lines, tell
from .printing import Printer, emit_object


def command(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="The index; the same as --db.")] = None,
    format: Annotated[Literal["rich", "plain", "json"] | None, format_option("rich")] = None,
    sites: Annotated[bool, typer.Option("--sites", help="rich: a line for each site, even if they agree.")] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Show where an index comes from: model, corpus, settings, coverage, software, size, sites.

    A site is one gated MLP: L12 in a layer, L12E3 an expert of that layer, L12S its shared expert.
    Examples: gluscope info; gluscope info smollm2.db --sites; gluscope info -f json.
    """
    with open_named(reading_name(one_index(file, db, "info"))) as index:
        record = index.info()
    if not is_remote(record.path):
        _tell_of_a_copy(Path(record.path))
    printer = Printer(format, color, people="rich")
    if printer.format == "json":
        from ..views import json

        emit_object(json.info(record))
    elif printer.format == "plain":
        from ..views import info

        emit_lines(info.plain(record))
    else:
        emit_lines(_rich(record, printer, every_site=sites))


def _tell_of_a_copy(path: Path) -> None:
    """Say on stderr if a killed command left a copy of the index beside it."""
    from indexer.run.folder import copy_left, run_folder

    from ..views.info import size

    if (left := copy_left(path)) is not None:
        tell(f"{run_folder(path)} holds a copy of {size(left)} that a killed search --build or --weights-only left")
        tell("the same command again removes it, and so may you: the index itself is whole")


def _rich(record: IndexInfo, printer: Printer, *, every_site: bool) -> Iterator[str]:
    from ..colour.depth import Depth
    from ..colour.style import PLAIN, Style
    from ..text.cells import cell_len, fit
    from ..views.info import sections

    bold = PLAIN if printer.depth is Depth.PLAIN else Style(bold=True)
    for title, fields in sections(record, every_site=every_site):
        yield bold.paint(title)
        width = max((cell_len(name) for name, _ in fields), default=0)
        for name, value in fields:
            yield f"  {fit(name, width)}  {value}"
        yield ""
