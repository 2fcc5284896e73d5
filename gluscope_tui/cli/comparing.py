"""`gluscope show --compare` and `--beside`: two neurons, or the same neurons in two indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.errors import GluscopeError

from .asked import Addresses
from .extras import require_index_extra
from .opening import open_index, open_named, warn_incomplete
from .output import complain, emit_lines
from .printing import Printer, emit_objects

if TYPE_CHECKING:
    from ..views.compare import Compared
    from ..views.compare_reading import Wish

_CONTEXTS = 3
"""Of each quadrant, where a person reads them."""
_NARROWEST = 40  # cells


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared: two neurons of an index (`compare`), or neurons in two indexes (`beside`).

    `model`: whose weights to read for the cosines between two neurons; None: what the index tells.
    """

    db: str | None
    beside: str | None
    compare: bool
    model: str | None


def show_compared(neurons: Sequence[str], printer: Printer, wish: Wish, sides: Sides, limit: int | None) -> None:
    """Print a comparison of two neurons, or one of each neuron with itself in another index.

    `limit`: the most contexts printed of each quadrant, and of those shared; None: the format's own. Exits with 2 if
    some neurons are not in the index. GluscopeError if there is nothing to compare.
    """
    if printer.format not in ("rich", "plain", "json", "jsonl"):
        raise GluscopeError(f"a comparison is not printed as {printer.format}", "use rich, plain, json or jsonl")
    if sides.compare and sides.beside is not None:
        raise GluscopeError("--compare and --beside are two comparisons", "give one of them")
    with ExitStack() as stack:
        index = stack.enter_context(open_index(sides.db))
        if wish.ranking not in index.rankings:
            raise GluscopeError(f"this index has no ranking {wish.ranking!a}", f"use {', '.join(index.rankings)}")
        addresses = Addresses(index, neurons)
        if sides.beside is None:
            found = _two(index, addresses, wish, sides.model)
        else:
            other = stack.enter_context(open_named(sides.beside))
            warn_incomplete(other)
            found = _beside(index, other, addresses, wish)
        whole_list = (
            printer.format == "json" and sides.beside is not None and (len(neurons) > 1 or list(neurons) == ["-"])
        )
        _print(found, printer, limit, whole_list=whole_list)
        if addresses.refused:
            raise typer.Exit(2)


def _two(index: Index, addresses: Addresses, wish: Wish, model: str | None) -> Iterator[Compared]:
    from ..views.compare_reading import two_neurons, with_cosines

    asked = [address for address, _ in addresses]
    if addresses.refused:
        return
    if len(asked) != 2:
        raise GluscopeError(
            f"--compare takes two neurons, not {len(asked)}", "name two: gluscope show L12N345 L3N77 --compare"
        )
    if asked[0] == asked[1]:
        raise GluscopeError(f"{asked[0]} is compared with itself", "name another neuron beside it")
    compared = two_neurons(index, asked[0], asked[1], wish)
    yield compared if model is None else with_cosines(compared, _cosines(index, model, asked[0], asked[1]))


def _cosines(
    index: Index, model: str, one: NeuronAddress, other: NeuronAddress
) -> Mapping[tuple[str, str], float | None]:
    """The cosines of the model's weights."""
    require_index_extra("show --model")
    from indexer.jobs.pair_cosines import pair_cosines
    from indexer.live.model import Choice

    from .progress import narrator

    with narrator() as report:
        return pair_cosines(index.info(), Choice(model), one, other, report)


def _beside(index: Index, other: Index, addresses: Addresses, wish: Wish) -> Iterator[Compared]:
    from ..views.compare_reading import demand_same_shape, two_indexes

    demand_same_shape(index, other)
    for address, _ in addresses:
        try:
            compared = two_indexes(index, other, address, wish)
        except GluscopeError as error:
            addresses.refused += 1
            complain(error)
        else:
            yield compared


def _print(found: Iterator[Compared], printer: Printer, limit: int | None, *, whole_list: bool) -> None:
    from ..views import compare_json, compare_rows

    if printer.format in ("json", "jsonl"):
        emit_objects((compare_json.as_json(compared, limit) for compared in found), as_list=whole_list)
    elif printer.format == "plain":
        contexts = _CONTEXTS if limit is None else limit
        emit_lines(line for compared in found for line in compare_rows.rows(compared, contexts))
    else:
        _rich(found, printer, _CONTEXTS if limit is None else limit)


def _rich(found: Iterator[Compared], printer: Printer, contexts: int) -> None:
    from ..colour.depth import Depth
    from ..colour.ramp import ramp
    from ..colour.style import PLAIN, Style
    from ..views.compare_lines import CompareLook, compare_lines

    plain = printer.depth is Depth.PLAIN
    look = CompareLook(
        ramp(printer.depth, light=printer.light),
        contexts,
        strong=PLAIN if plain else Style(bold=True),
        marks=("«", "»") if plain else None,
        more="--model reads them from the weights",
    )
    for number, compared in enumerate(found):
        lines = compare_lines(compared, max(printer.width, _NARROWEST), look)
        if compared.one.neuron == compared.other.neuron:
            lines = [((str(compared.one.neuron), look.strong),), *lines]
        printer.paint([()] * (number > 0) + lines)
