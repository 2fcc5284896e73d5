"""`gluscope search`: neurons that peak on a token, and contexts that hold a text."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.database.records import Hit
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, parse_quadrant

from .opening import open_index
from .options import Color, Db, Signs, index_path
from .output import emit, emit_lines, tell

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["table", "plain", "json", "jsonl", "csv"]


def command(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A token's text, or a text in a context.")] = None,
    where: Annotated[
        Literal["peak", "context"], typer.Option("--in", help="Among the tokens that examples peak on, or in contexts.")
    ] = "peak",
    exact: Annotated[bool, typer.Option("--exact", help="Case and blanks as written.")] = False,
    quadrant: Annotated[
        list[str] | None,
        typer.Option("--quadrant", "-q", metavar="Q", help="Only this quadrant: ++, +-, -+, --; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="Neurons a quadrant; 0: all.")] = 5,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="table on a terminal, plain in a pipe, unless said here.")
    ] = None,
    signs: Annotated[
        Signs, typer.Option("--signs", help="Signs after alignment, or as the model has them.")
    ] = "aligned",
    build: Annotated[
        bool, typer.Option("--build", help="Add what searches read to an index that was made without it.")
    ] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Find neurons by words, the strongest of each quadrant first.

    Examples: gluscope search France; gluscope search "once again" --in context -q -+; gluscope search The --exact.
    """
    path = index_path(db)
    if build:
        _build(path)
        if text is None:
            return
    if text is None:
        raise GluscopeError("there is nothing to search for", "give a text: gluscope search France")
    asked = {parse_quadrant(one.removeprefix("=")) for one in quadrant} if quadrant else set(QUADRANTS)
    chosen: Format = format or ("table" if sys.stdout.isatty() else "plain")
    with open_index(path) as index:

        def hits(place: str, *, exactly: bool) -> Iterator[Hit]:
            return index.search(text, place, exact=exactly, quadrants=asked, limit=limit or None, signs=signs)

        found = hits(where, exactly=exact)
        first = next(found, None)
        if where == "context" and index.searches.is_cut(text):
            tell("more sequences hold these words than were searched: a longer text finds all of them")
        if first is None:
            if chosen in ("json", "csv"):
                _print(iter(()), chosen, color, "", exact=exact)
            tell("no neuron peaks on it" if where == "peak" else "no context holds it")
            if hint := _elsewhere(hits, where, exact=exact):
                tell(hint)
            raise typer.Exit(1)
        _print(chain([first], found), chosen, color, "" if where == "peak" else text, exact=exact)


def _elsewhere(hits: Callable[..., Iterator[Hit]], where: str, *, exact: bool) -> str:
    """What finds something where this search found nothing; "" where nothing else does either."""
    if exact and next(hits(where, exactly=False), None) is not None:
        return "it is there with other case or blanks: leave out --exact"
    if where == "peak" and next(hits("context", exactly=exact), None) is not None:
        return "contexts hold it: add --in context"
    return ""


def _print(hits: Iterator[Hit], chosen: Format, color: str, wanted: str, *, exact: bool) -> None:
    from ..views import hits as view
    from ..views import json

    if chosen == "plain":
        emit_lines(map(view.plain, hits))
    elif chosen == "csv":
        emit_lines(view.csv(hits))
    elif chosen == "jsonl":
        emit_lines(map(json.dumps, map(view.as_object, hits)))
    elif chosen == "json":
        emit(json.listed(map(view.as_object, hits)))
    else:
        from ..colour.depth import detect
        from ..views.page import painted

        depth = detect(color, environment=os.environ, terminal=sys.stdout.isatty()).depth
        pattern = view.shown_pattern(wanted, exact=exact) if wanted else None
        emit_lines(map(painted, view.lines(hits, shutil.get_terminal_size().columns, depth, pattern)))


def _build(path: Path) -> None:
    from indexer.database.bulk.add_search import add_search
    from indexer.progress import Progress

    from .progress import narrator

    with narrator() as report:
        add_search(path, lambda done, total: report(Progress("reading examples", done, total)))
    tell(f"{path} can be searched")
