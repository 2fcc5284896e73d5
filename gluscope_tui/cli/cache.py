"""`gluscope cache`: what is kept of indexes on servers."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from indexer.database.remote.kept_blocks import KeptFile, blocks_folder, is_of, kept_files, limit, remove
from indexer.errors import GluscopeError

from ..views import cache as view
from .options import Color, RowFormat
from .output import tell
from .printing import Printer


def command(
    action: Annotated[
        Literal["list", "clear"], typer.Argument(metavar="[list|clear]", help="List what is kept, or remove it.")
    ] = "list",
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Only what is kept of these indexes.")
    ] = None,
    format: RowFormat = None,
    color: Color = "auto",
) -> None:
    """List or remove what is kept of indexes on servers, so that nothing is fetched twice.

    At most 1 GB is kept, the oldest is removed first; GLUSCOPE_CACHE_LIMIT=5G keeps more, 0 nothing.
    Examples: gluscope cache; gluscope cache clear; gluscope cache clear https://example.org/smollm2.db.
    """
    most = limit()
    files = [file for file in kept_files() if not names or any(is_of(file, name) for name in names)]
    if names and not files:
        raise GluscopeError(f"nothing is kept of {names[0]!a}", "gluscope cache lists what is kept")
    if action == "clear":
        _clear(files)
        return
    printer = Printer(format, color)
    printer.write(files, view.COLUMNS, lambda rows: view.lines(rows, printer.width, printer.depth))
    total = sum(file.kept for file in files)
    tell(f"{view.size(total)} of at most {view.size(most)} in {blocks_folder()}")


def _clear(files: list[KeptFile]) -> None:
    for file in files:
        remove(file.folder)
        tell(f"removed {view.size(file.kept)} of {file.name}")
    if not files:
        tell("nothing is kept")
