"""`gluscope search`: neurons that peak on a token or have a text in their contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.database.records import Hit
from indexer.errors import GluscopeError

from .extras import require_index_extra
from .opening import open_index
from .options import MOST, Color, Db, Quadrants, RowFormat, Signs, index_path, parse_quadrants, require_utf8
from .output import tell
from .printing import Printer

if TYPE_CHECKING:
    from pathlib import Path

    from ..colour.style import StyledLine


def command(
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", callback=require_utf8, help="A token's text, or a text in a context."),
    ] = None,
    where: Annotated[
        Literal["peak", "context"], typer.Option("--in", help="Among tokens that examples peak on, or in contexts.")
    ] = "peak",
    exact: Annotated[bool, typer.Option("--exact", help="Match case and blanks.")] = False,
    quadrant: Quadrants = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=MOST, metavar="N", help="Neurons a quadrant; 0: all.")
    ] = 5,
    format: RowFormat = None,
    signs: Signs = "aligned",
    build: Annotated[bool, typer.Option("--build", help="Add the search tables to an index without them.")] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Find neurons by words, the strongest of each quadrant first.

    Examples: gluscope search France; gluscope search "once again" --in context -q -+; gluscope search The --exact.
    """
    if build:
        _build(index_path(db))
        if text is None:
            return
    if text is None:
        raise GluscopeError("no text to search for", "give a text: gluscope search France")
    from ..views.hits import COLUMNS
    from ..views.text import shown

    asked = set(parse_quadrants(quadrant))
    printer = Printer(format, color)
    with open_index(db) as index:

        def hits(place: str, *, exactly: bool) -> Iterator[Hit]:
            return index.search(
                text, place, exact=exactly, quadrants=asked, limit=limit or None, signs=signs, shown=shown
            )

        found = hits(where, exactly=exact)
        first = next(found, None)
        if where == "context" and index.searches.is_cut(text):
            tell("only some matches were searched; use a longer text")
        if first is None:
            printer.write((), COLUMNS)
            tell("no neuron peaks on this token" if where == "peak" else "no context holds this text")
            if index.searches.is_outdated(text):
                tell("this index was made by an older gluscope; gluscope search --build lets searches find more")
            if hint := _elsewhere(hits, where, exact=exact):
                tell(hint)
            raise typer.Exit(1)
        table = _table(printer, "" if where == "peak" else text, exact=exact)
        printer.write(chain([first], found), COLUMNS, table)


def _elsewhere(hits: Callable[..., Iterator[Hit]], where: str, *, exact: bool) -> str:
    """A hint at a search that does find something, or ""."""
    if exact and next(hits(where, exactly=False), None) is not None:
        return "found with different case or blanks: leave out --exact"
    if where == "peak" and next(hits("context", exactly=exact), None) is not None:
        return "found in contexts: add --in context"
    return ""


def _table(printer: Printer, wanted: str, *, exact: bool) -> Callable[[Iterable[Hit]], Iterator[StyledLine]]:
    """A function that makes the table; the `wanted` text is visible in every line."""
    from ..views import hits

    pattern = hits.shown_pattern(wanted, exact=exact) if wanted else None
    return lambda found: hits.lines(found, printer.width, printer.depth, pattern)


def _build(path: Path) -> None:
    require_index_extra("search --build")
    from indexer.jobs.build_search import build_search

    from .interruption import telling_what_is_left
    from .progress import narrator

    with telling_what_is_left(lambda: f"stopped: {path} is unchanged"), narrator() as report:
        build_search(path, report)
    tell(f"{path} can be searched")
