"""`gluscope search`: neurons by the words of their examples, and by the tokens that their weights write and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from indexer.database.reader import Index
from indexer.errors import GluscopeError

from .extras import require_index_extra
from .opening import open_index
from .options import MOST, Color, Db, Quadrants, RowFormat, Signs, index_path, parse_quadrants, require_all_utf8
from .output import tell
from .printing import Printer

if TYPE_CHECKING:
    from pathlib import Path

    from ..colour.style import StyledLine

_IN_VAIN = {
    "peak": "no neuron peaks on {}",
    "context": "no context holds {}",
    "writes": "no neuron's lists of tokens written hold {}",
    "reads": "no neuron's lists of tokens read hold {}",
}
_A_QUADRANT, _IN_ALL = 5, 20  # neurons by default


def command(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT...",
            callback=require_all_utf8,
            help="Texts of tokens, or TEXT* for the beginning of one; with --in context, texts in a context.",
        ),
    ] = None,
    where: Annotated[
        Literal["peak", "context", "writes", "reads"],
        typer.Option(
            "--in", help="Among tokens that examples peak on, in contexts, or among tokens that weights write or read."
        ),
    ] = "peak",
    every: Annotated[bool, typer.Option("--all", help="All of the texts, not any of them.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Match case and blanks.")] = False,
    quadrant: Quadrants = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=0,
            max=MOST,
            metavar="N",
            help="Neurons a quadrant (5), with writes and reads in all (20); 0: all.",
        ),
    ] = None,
    format: RowFormat = None,
    signs: Signs = "aligned",
    build: Annotated[bool, typer.Option("--build", help="Add the search tables to an index without them.")] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Find neurons by words, the strongest first: by what their examples peak on, or by what their weights write.

    Examples: gluscope search France; gluscope search "once again" --in context -q -+; gluscope search Monday Tuesday
    --in writes.
    """
    if build:
        _build(index_path(db))
        if not texts:
            return
    if not texts:
        raise GluscopeError("no text to search for", "give a text: gluscope search France")
    from ..views import search_notes

    asked = parse_quadrants(quadrant)
    printer = Printer(format, color)
    with open_index(db) as index:

        def hits(place: str, *, exactly: bool) -> Iterator[Any]:
            return _hits(index, texts, place, every=every, exact=exactly, quadrants=asked, limit=limit, signs=signs)

        found = hits(where, exactly=exact)
        first = next(found, None)
        if where == "context" and index.searches.is_cut(*texts):
            tell("only some matches were searched; use a longer text")
        if first is None:
            printer.write((), _columns(where))
            tell(_IN_VAIN[where].format(_words(texts, where, every=every)))
        for note in search_notes.notes(index, texts, where):
            tell(note)
        if first is None:
            if index.searches.is_outdated(*texts):
                tell("this index was made by an older gluscope; gluscope search --build lets searches find more")
            if hint := _elsewhere(hits, where, exact=exact):
                tell(hint)
            raise typer.Exit(1)
        tell(search_notes.order(where))
        printer.write(chain([first], found), _columns(where), _table(printer, where, texts, exact=exact))


def _hits(index: Index, texts: list[str], where: str, *, limit: int | None, **asked: Any) -> Iterator[Any]:
    """The hits of a search: `Hit`, or `TokenHit` of a search by weights."""
    from ..views.text import shown

    by_weights = where in ("writes", "reads")
    most = (_IN_ALL if by_weights else _A_QUADRANT) if limit is None else limit or None
    search: Callable[..., Iterator[Any]] = index.search_weights if by_weights else index.search
    return search(texts, where, limit=most, shown=shown, **asked)


def _columns(where: str) -> Any:
    from ..views import hits, token_hits

    return token_hits.COLUMNS if where in ("writes", "reads") else hits.COLUMNS


def _words(texts: list[str], where: str, *, every: bool) -> str:
    """What was searched for, in a message."""
    thing = "text" if where == "context" else "token"
    if len(texts) == 1:
        return f"this {thing}"
    return f"all of these {thing}s" if every else f"any of these {thing}s"


def _elsewhere(hits: Callable[..., Iterator[Any]], where: str, *, exact: bool) -> str:
    """A hint at a search that does find something, or ""."""
    if exact and next(hits(where, exactly=False), None) is not None:
        return "found with different case or blanks: leave out --exact"
    if where == "peak" and next(hits("context", exactly=exact), None) is not None:
        return "found in contexts: add --in context"
    return ""


def _table(
    printer: Printer, where: str, texts: list[str], *, exact: bool
) -> Callable[[Iterable[Any]], Iterator[StyledLine]]:
    """A function that makes the table; a text searched for in contexts is visible in every line."""
    from ..views import hits, token_hits

    if where in ("writes", "reads"):
        return lambda found: token_hits.lines(found, printer.width, printer.depth)
    pattern = hits.shown_pattern(texts, exact=exact) if where == "context" else None
    return lambda found: hits.lines(found, printer.width, printer.depth, pattern)


def _build(path: Path) -> None:
    require_index_extra("search --build")
    from indexer.jobs.build_search import build_search

    from .interruption import telling_what_is_left
    from .progress import narrator

    with telling_what_is_left(lambda: f"stopped: {path} is unchanged"), narrator() as report:
        build_search(path, report)
    tell(f"{path} can be searched")
