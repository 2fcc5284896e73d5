"""`gluscope effect`: what a neuron does in a quadrant, measured by altering it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.database.reader import Index
from indexer.database.remote.place import shown
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant

from ..views import effect as view
from ..views.origin import Origin
from .asked import Addresses
from .columns import Where
from .extras import require_index_extra
from .interruption import telling_what_is_left
from .opening import find_index, open_index
from .options import Color, Db, RowFormat, Signs, parse_amount, require_utf8
from .output import tell
from .printing import Printer, emit_object

if TYPE_CHECKING:
    from indexer.live.effect.opening import Source
    from indexer.live.effect.result import Effect

Sort = Literal["nll_at", "nll_all", "kl_at", "entropy_at", "top1_changed", "positions", "place"]
Long = Literal["truncate", "split"]


def command(
    neurons: Annotated[
        list[str] | None, typer.Argument(metavar="[NEURON]...", help="L12N345 or 12.345; - reads them from stdin.")
    ] = None,
    quadrant: Annotated[
        list[str] | None,
        typer.Option("--quadrant", "-q", metavar="Q", help="Only ++, +-, -+, -- or all; may be repeated."),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="V", help="What post becomes: zero, mean, quadrant, a number, x-1, x3 ...")
    ] = "zero",
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="FILE", help="Measure on this text, not on the index's contexts; repeatable."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", callback=require_utf8, help="Measure on this one text.")
    ] = None,
    column: Annotated[str, typer.Option(metavar="NAME", help="--text: the column that holds the text.")] = "text",
    context: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="--text: tokens a sequence; default: the index's.")
    ] = None,
    long: Annotated[
        Long | None, typer.Option(help="--text: longer documents, cut or split; default: as the index was made.")
    ] = None,
    tokens: Annotated[
        str, typer.Option(metavar="N", help="--text: stop after the document that reaches it: 500k, all.")
    ] = "all",
    contexts: Annotated[
        int | None,
        typer.Option("--contexts", "-n", min=1, max=4096, metavar="N", help="Contexts of each kind a quadrant; 8."),
    ] = None,
    controls: Annotated[
        int,
        typer.Option(min=0, max=1000, metavar="K", help="Neurons alike to compare each with; 0, for none, is faster."),
    ] = 8,
    together: Annotated[bool, typer.Option("--together", help="Alter all the neurons at once: one set.")] = False,
    where: Where = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.jsonl", help="Keep rows as they are measured; continues after a kill."),
    ] = None,
    sort: Annotated[Sort | None, typer.Option("--sort", help="Largest magnitude first; default: as asked for.")] = None,
    format: RowFormat = None,
    signs: Signs = "aligned",
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Where the index's model is now, or any model.")
    ] = None,
    dtype: Annotated[str, typer.Option(metavar="TYPE", help="Compute in it; auto: as the index was made.")] = "auto",
    device: Annotated[str, typer.Option(metavar="DEVICE", help="As in torch: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    device_map: Annotated[
        str | None, typer.Option(metavar="MAP", help="As in transformers: spread over devices.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Measure what neurons do in a quadrant: alter post only there, and see what becomes of the next token.

    Examples: gluscope effect L12N345; gluscope effect L12N345 -q -+ --to mean --text notes.txt -f json.
    """
    require_index_extra("effect")
    printer = Printer(format, color)
    named, files = _apart(neurons or [], text)
    if contexts is not None and (files is not None or prompt is not None):
        tell("--contexts is of the index's own contexts: with a text of yours it changes nothing")
    with telling_what_is_left(lambda: _left(out)), ExitStack() as stack:
        index = _index(stack, db, model)
        addresses = _addresses(index, named, where)
        from indexer.jobs.effect import Job, effect
        from indexer.live.effect.replacement import parse_replacement
        from indexer.live.effect.request import CONTEXTS, LABELS, Request, parse_label, targets
        from indexer.live.model import Choice

        asked = {parse_label(one.removeprefix("=")) for one in quadrant} if quadrant else set(LABELS)
        labels = [label for label in LABELS if label in asked]
        wanted = targets([address for address, _ in addresses], labels, together=together)
        if not quadrant and not together:  # a quadrant beside an address is the only one of it that is asked for
            own = {address: beside.value for address, beside in addresses if beside is not None}
            wanted = [one for one in wanted if own.get(one.neurons[0], one.label) == one.label]
        request = Request(
            to=parse_replacement(to),
            signs=signs,
            contexts=CONTEXTS if contexts is None else contexts,
            controls=0 if together else controls,
        )
        job = Job(tuple(wanted), request, _source(files, prompt, column, context, long, tokens))
        choice = Choice(
            model=model, dtype=dtype, device=device, device_map=device_map, trust_remote_code=trust_remote_code
        )
        from .progress import narrator

        with narrator() as report:
            rows = list(effect(index, choice, job, out, report))
        origin = Origin(str(model), None) if index is None else Origin(index.model, shown(index.path))
    _print(printer, rows, origin, sort, single=len(wanted) == 1)


def _left(out: Path | None) -> str:
    from indexer.live.effect.kept_rows import what_is_kept

    return what_is_kept(out)


def _apart(named: Sequence[str], text: Sequence[str] | None) -> tuple[list[str], list[str] | None]:
    """The neurons, and the files of the text: after --text *.txt the shell's other files come as arguments."""
    if text is None:
        return list(named), None
    files = [one for one in named if one != "-" and not _is_neuron(one) and Path(one).exists()]
    return [one for one in named if one not in files], [*text, *files]


def _is_neuron(text: str) -> bool:
    try:
        parse_neuron(text)
    except GluscopeError:
        return False
    return True


def _index(stack: ExitStack, db: str | None, model: str | None) -> Index | None:
    """The index; None if only a model is named and there is no index."""
    if model is not None and db is None:
        try:
            find_index(None)
        except GluscopeError:
            return None
    return stack.enter_context(open_index(db))


def _addresses(
    index: Index | None, named: Sequence[str], where: str | None
) -> list[tuple[NeuronAddress, Quadrant | None]]:
    """The neurons that are named, each with the quadrant beside it, or those that meet the condition.

    Every bad address is told before the command ends.
    """
    if where is not None:
        if named:
            raise GluscopeError("neurons are named, and --where chooses others", "leave one of them out")
        if index is None:
            raise GluscopeError("--where needs an index", "name one with --db, or name neurons")
        rows = index.rows(("neuron",), where=where)
        found: list[tuple[NeuronAddress, Quadrant | None]] = [(parse_neuron(str(row[0])), None) for row in rows]
        if not found:
            tell("no neuron meets the condition")
            raise typer.Exit(1)
        return found
    if index is None:
        return [(parse_neuron(one), None) for one in named]
    addresses = Addresses(index, named)
    read = list(addresses)
    if addresses.refused:
        raise typer.Exit(2)
    return read


def _source(
    files: list[str] | None, prompt: str | None, column: str, context: int | None, long: str | None, tokens: str
) -> Source:
    """The text to measure on."""
    from indexer.live.effect.opening import Source
    from indexer.settings import Inputs

    if files is not None and prompt is not None:
        raise GluscopeError("--text and --prompt are two texts", "leave one of them out")
    if files is None and (context is not None or long is not None or tokens != "all"):
        raise GluscopeError("--context, --long and --tokens are of a --text", "name files with --text")
    return Source(
        inputs=None if files is None else Inputs(paths=tuple(files), column=column),
        prompt=prompt,
        context=context,
        long=long,
        tokens=None if tokens == "all" else parse_amount("--tokens", tokens),
    )


def _print(printer: Printer, rows: Iterable[Effect], origin: Origin, sort: str | None, *, single: bool) -> None:
    in_order = list(rows)
    if sort is not None:
        in_order.sort(key=lambda row: view.sort_key(row, sort))
    columns = origin.beside(view.COLUMNS)
    if printer.format == "json" and single:
        emit_object(columns.as_object(in_order[0]))
        return
    if printer.format != "table":
        printer.write(in_order, columns)
        return
    lines, without_room = view.lines(in_order, printer.width, printer.depth)
    printer.paint([origin.line(printer.depth), *lines])
    if without_room:
        tell(f"{', '.join(without_room)}: no room, -f csv has all columns")
    tell("nats a token; [95 % interval over sequences]; quadrants don't add up to all: later layers answer")
