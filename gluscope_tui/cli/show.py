"""`gluscope show`: prints neurons of an index in the format asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant
from indexer.ranking import RANKINGS

from .asked import Addresses
from .opening import open_index
from .options import MOST, Color, Db, Quadrants, Signs, format_option, parse_quadrants
from .output import emit, emit_lines
from .printing import WIDEST, Printer, emit_objects

if TYPE_CHECKING:
    from .exporting.chosen import Request

Format = Literal["rich", "plain", "json", "jsonl", "md", "html", "svg"]
_TEXT_LIMIT = 3  # contexts a quadrant, where a person reads them
_NARROWEST = 20  # cells


def command(
    neurons: Annotated[
        list[str], typer.Argument(metavar="NEURON...", help="L12N345 or 12.345; - reads them from stdin.")
    ],
    quadrant: Quadrants = None,
    rank_by: Annotated[
        str | None, typer.Option("--rank-by", metavar="R", help=f"The ranking, of {', '.join(RANKINGS)}.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=0, max=MOST, metavar="K", help="Contexts a quadrant; 0: statistics only."),
    ] = None,
    format: Annotated[
        Literal["rich", "plain", "json", "jsonl", "md", "html", "svg"] | None, format_option("rich")
    ] = None,
    signs: Signs = "aligned",
    plot: Annotated[
        bool, typer.Option("--plot", help="Add the density of gate and in over the sample, and quantiles by quadrant.")
    ] = False,
    wiring: Annotated[
        bool, typer.Option("--wiring", help="Add which neurons feed its gate and in, and whose it feeds.")
    ] = False,
    wrap: Annotated[bool, typer.Option("--wrap", help="rich: whole contexts instead of one line each.")] = False,
    width: Annotated[
        int | None,
        typer.Option(
            "--width", min=_NARROWEST, max=WIDEST, metavar="W", help="Cells a line, of rich and of the picture."
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Two neurons side by side.")] = False,
    beside: Annotated[
        str | None,
        typer.Option("--beside", metavar="FILE", help="The same neurons in another index of the same shape."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="--compare: read this model's weights for exact cosines."),
    ] = None,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Show neurons: how often they visit each quadrant of gate and in, and the contexts that move them most.

    Examples: gluscope show L12N345; gluscope show 12.345 -q -+ -n 16; gluscope show L12N345 --plot -f json;
    gluscope show L12N345 -f svg > L12N345.svg; gluscope show L12N345 L3N77 --compare.
    """
    quadrants = parse_quadrants(quadrant)
    if model is not None and (not compare or beside is not None):
        raise GluscopeError("--model is for --compare", "name two neurons of an index, and --compare")
    if compare or beside is not None:
        if plot or wrap or wiring:
            raise GluscopeError("a comparison has no --plot, --wiring and --wrap", "leave them out")
        from ..views.compare_reading import Wish
        from .comparing import Sides, show_compared

        wish = Wish(signs, rank_by or "post", quadrants)
        printer = Printer(format, color, people="rich", width=width)
        show_compared(tuple(neurons), printer, wish, Sides(db, beside, compare, model), limit)
        return
    if format in ("html", "svg"):
        if wiring:
            raise GluscopeError(f"-f {format} has no --wiring", "leave it out, or use another format")
        from .exporting.chosen import Request

        _one(Request(tuple(neurons), None, rank_by, limit, signs, db), format, quadrants, width)
        return
    printer = Printer(format, color, people="rich", width=width)
    chosen = printer.format
    cells = max(printer.width, _NARROWEST)
    if (plot or wiring) and chosen == "plain" and limit is None:
        limit = 0  # the picture or the wiring alone
    elif limit is None and chosen not in ("json", "jsonl"):
        limit = _TEXT_LIMIT
    with open_index(db) as index:
        rankings = _rankings(index, rank_by, chosen, limit)
        if wiring:
            _demand_wiring(index)

        def read(address: NeuronAddress, shown: tuple[Quadrant, ...]) -> NeuronRecord:
            wanted = QUADRANTS if chosen == "rich" else shown
            sample = plot or chosen == "rich"  # which tells percentiles
            return index.neuron(
                address,
                signs=signs,
                rankings=rankings,
                limit=limit,
                quadrants=wanted,
                sample=sample,
                weights=wiring or chosen != "plain",
            )

        reading = Reading(Addresses(index, neurons), quadrants, read, own=not quadrant)
        if chosen == "rich":
            _rich(reading, printer, width=cells, wrap=wrap, plot=plot, wiring=wiring)
        elif chosen == "plain":
            alone = plot or wiring
            _plain(reading, statistics=limit == 0 and not alone, plot_width=cells if plot else 0, wiring=wiring)
        elif chosen == "md":
            _markdown(reading, wiring=wiring)
        else:
            _json(reading, whole_list=chosen == "json" and (len(neurons) > 1 or neurons == ["-"]))
    if reading.refused:
        raise typer.Exit(2)


class Reading:
    """The records of the neurons asked for, one by one, each with the quadrants to show.

    Addresses that the index lacks are reported and skipped.
    """

    def __init__(
        self,
        addresses: Addresses,
        quadrants: tuple[Quadrant, ...],
        read: Callable[[NeuronAddress, tuple[Quadrant, ...]], NeuronRecord],
        *,
        own: bool,
    ) -> None:
        """`quadrants`: the ones to show. `own`: a quadrant beside a neuron's address takes precedence."""
        self._addresses = addresses
        self._quadrants = quadrants
        self._own = own
        self._read = read

    @property
    def refused(self) -> int:
        """How many addresses the index lacks, of those read so far."""
        return self._addresses.refused

    def __iter__(self) -> Iterator[tuple[NeuronRecord, tuple[Quadrant, ...]]]:
        for address, quadrant in self._addresses:
            shown = (quadrant,) if self._own and quadrant is not None else self._quadrants
            yield self._read(address, shown), shown

    def records(self) -> Iterator[NeuronRecord]:
        """Only the records, if they hold just the quadrants to show."""
        return (record for record, _ in self)


def _rankings(index: Index, rank_by: str | None, chosen: str, limit: int | None) -> tuple[str, ...] | None:
    """The rankings to read: the one asked for, or by default all for scripts and one for people. Checked once, here."""
    if rank_by is not None and rank_by not in index.rankings:
        raise GluscopeError(f"this index has no ranking {rank_by!a}", f"use one of {', '.join(index.rankings)}")
    if chosen in ("json", "jsonl"):
        return None if rank_by is None else (rank_by,)
    if limit == 0:
        return ()
    if rank_by is None and not index.rankings:
        return ()
    return (rank_by or ("post" if "post" in index.rankings else index.rankings[0]),)


def _demand_wiring(index: Index) -> None:
    """GluscopeError if the index has no wiring at all."""
    info = index.info()
    if info.wiring["state"] == "missing":
        cause, _, added = str(info.wiring.get("reason")).partition("; gluscope index ")
        command = f"gluscope index --weights-only MODEL --db {quote(info.path)}"
        raise GluscopeError(f"this index has no wiring: {cause}", command if added else "leave --wiring out")


def _rich(reading: Reading, printer: Printer, *, width: int, wrap: bool, plot: bool, wiring: bool) -> None:
    from ..views import page

    look = page.Page(width, printer.depth, light=printer.light, wrap=wrap, plot=plot, wiring=wiring)
    lines = (page.neuron(record, replace(look, quadrants=frozenset(shown))) for record, shown in reading)
    printer.paint(chain.from_iterable(lines))


def _plain(reading: Reading, *, statistics: bool, plot_width: int, wiring: bool) -> None:
    from ..views import plain
    from ..views import wiring as wires

    def lines(record: NeuronRecord) -> Iterator[str]:
        if plot_width:
            yield from plain.plot(record, plot_width)
        if wiring:
            yield from wires.plain(record)
        yield from plain.statistics(record) if statistics else plain.contexts(record)

    emit_lines(chain.from_iterable(map(lines, reading.records())))


def _markdown(reading: Reading, *, wiring: bool) -> None:
    from ..views import markdown

    emit_lines(chain.from_iterable(markdown.neuron(record, wiring=wiring) for record in reading.records()))


def _json(reading: Reading, *, whole_list: bool) -> None:
    from ..views import json

    emit_objects(map(json.neuron, reading.records()), as_list=whole_list)


def _one(request: Request, format: str, quadrants: tuple[Quadrant, ...], width: int | None) -> None:
    """Write the page or the picture of one neuron."""
    if format == "svg":
        from .exporting import svg

        limit = _TEXT_LIMIT if request.limit is None else request.limit
        emit([svg.single(replace(request, limit=limit), quadrants, width)])
        return
    from .exporting import html

    if quadrants != QUADRANTS:
        raise GluscopeError("a page shows all four quadrants", "leave out -q, or use another format")
    emit([html.single(request)])
