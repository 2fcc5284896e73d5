"""`gluscope prompt`: runs an index's model on texts and prints the neurons that stand out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.addresses import parse_neuron
from indexer.database.reader import Index
from indexer.database.remote.place import shown
from indexer.errors import GluscopeError

from .columns import Where
from .extras import require_index_extra
from .interruption import telling_what_is_left
from .opening import open_index
from .options import (
    DEFAULT_DB,
    MOST,
    Color,
    Db,
    Quadrants,
    RowFormat,
    Signs,
    parse_numbers,
    parse_quadrants,
    require_utf8,
)
from .output import tell
from .printing import Printer, emit_object, emit_objects
from .processors import let_workers_sleep
from .streams import file_text, stdin_text

if TYPE_CHECKING:
    from indexer.live.records import Prompted, Row

    from ..colour.style import StyledLine

Sort = Literal["percentile", "post", "logit", "gate", "in"]

_LIMIT = 20  # rows a position


def command(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts, each read by itself; - reads one from stdin."),
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", metavar="F", help="A file with a text.")] = None,
    chat: Annotated[
        bool, typer.Option("--chat", help="Through the chat template: a user's message, or JSON messages.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="WHERE", callback=require_utf8, help="last, all, a position, or a token's text."),
    ] = None,
    neuron: Annotated[
        list[str] | None,
        typer.Option("--neuron", metavar="NEURON", help="This neuron at every position instead; repeatable."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TOKEN", callback=require_utf8, help="Whose logit; default: the token predicted there."
        ),
    ] = None,
    sort: Annotated[Sort, typer.Option("--sort", help="Largest magnitude first.")] = "percentile",
    quadrant: Quadrants = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=MOST, metavar="K", help="Neurons a position; 0: all.")
    ] = _LIMIT,
    layers: Annotated[str, typer.Option("--layers", metavar="LIST", help="Only these layers, e.g. 0-3,7.")] = "all",
    where: Where = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Where the model is now, or any model."),
    ] = None,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Only the model that --model names: without percentiles.")
    ] = False,
    dtype: Annotated[str, typer.Option(metavar="TYPE", help="Default: the index's.")] = "auto",
    device: Annotated[str, typer.Option(metavar="DEVICE", help="As in torch: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    device_map: Annotated[
        str | None, typer.Option(metavar="MAP", help="As in transformers: spread over devices.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="Revision of the model; default: the index's.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
    signs: Signs = "aligned",
    format: RowFormat = None,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Run the index's model on a text of your own and list the neurons that stand out at a token.

    Examples: gluscope prompt 'The capital of France is'; gluscope prompt --file a.txt --at ' Paris' --sort logit -n 5;
    gluscope prompt 'Hello' --neuron L12N345 -f json.
    """
    require_index_extra("prompt")
    texts = [*_texts(text or ()), *map(file_text, file or ())]
    if not texts:
        raise GluscopeError("there is no text", "give one: gluscope prompt 'The capital of France is'")
    quadrants = parse_quadrants(quadrant)
    chosen_layers = None if layers == "all" else parse_numbers("--layers", layers)
    named = tuple(parse_neuron(one) for one in neuron or ())
    printer = Printer(format, color)
    let_workers_sleep()
    with telling_what_is_left(lambda: "stopped"), _opened(db, without=no_index, model=model) as index:
        from indexer.live.asking import Question, ask, demand_known
        from indexer.live.model import Choice
        from indexer.live.session import LiveSession
        from indexer.live.text import demand_text

        from .progress import narrator

        choice = Choice(model, dtype, device, device_map, revision, trust_remote_code)
        question = Question(
            at=at or ("all" if named else "last"),
            neurons=named,
            target=target,
            sort=sort,
            quadrants=quadrants,
            limit=limit or None,
            layers=chosen_layers,
            where=where,
            signs=signs,
        )
        demand_known(index, question)
        for one in () if chat else texts:
            demand_text(one)
        with narrator() as report, LiveSession(index, choice, report) as session:
            found = [ask(session, one, question, chat=chat, report=report) for one in texts]
        place = None if index is None else shown(index.path)
    _print(found, printer, place, by_neuron=bool(named))
    if not any(one.rows for one in found):
        tell("no neuron meets the conditions there")
        raise typer.Exit(1)


def _texts(arguments: Iterable[str]) -> Iterator[str]:
    for one in arguments:
        yield stdin_text().removesuffix("\n") if one == "-" else require_utf8(one) or ""


@contextmanager
def _opened(db: str | None, *, without: bool, model: str | None) -> Iterator[Index | None]:
    """The index; None if none is wanted, or if only a model is named and there is no index."""
    if without:
        if model is None:
            raise GluscopeError("--no-index needs --model", "name a model, or leave --no-index out")
        yield None
    elif model is not None and db is None and not (os.environ.get("GLUSCOPE_DB") or os.path.exists(DEFAULT_DB)):
        yield None
    else:
        with open_index(db) as index:
            yield index


def _print(found: Sequence[Prompted], printer: Printer, index: str | None, *, by_neuron: bool) -> None:
    from ..views import prompt as view
    from ..views.origin import Origin

    origin = Origin(found[0].model, index)
    for notice in dict.fromkeys(notice for one in found for notice in one.notices):
        tell(notice)
    if printer.format == "json":
        objects = [{**view.as_object(one), "index": index} for one in found]
        if len(found) == 1:
            emit_object(objects[0])
        else:
            emit_objects(objects, as_list=True)
        return
    rows = (row for one in found for row in one.rows)

    def tables(_rows: Iterable[Row]) -> Iterator[StyledLine]:
        if any(one.rows for one in found):
            yield origin.line(printer.depth)
        yield from _tables(found, printer, by_neuron=by_neuron)

    printer.write(rows, origin.beside(view.COLUMNS), tables)


def _tables(found: Sequence[Prompted], printer: Printer, *, by_neuron: bool) -> Iterator[StyledLine]:
    from ..views import prompt as view

    for number, one in enumerate(found):
        if number:
            yield ()
        yield from view.lines(one, printer.width, printer.depth, named=len(found) > 1, by_neuron=by_neuron)
