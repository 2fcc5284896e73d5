"""`gluscope layers`: a row for each layer or expert."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from .opening import open_index
from .options import Color, Db, Signs, format_option
from .output import emit, tell
from .printing import Printer

if TYPE_CHECKING:
    from indexer.database.query.layers import LayerRow

    from ..colour.style import StyledLine


def command(
    format: Annotated[Literal["table", "plain", "json", "jsonl", "csv", "svg"] | None, format_option("table")] = None,
    signs: Signs = "aligned",
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Show what each layer does: how often its neurons are in each quadrant, how often gates are open, their classes.

    Each row is a site, a gated MLP: L12 in a layer, L12E3 an expert of that layer, L12S its shared expert.
    Frequencies are means over neurons (per cent in the table); classes count neurons.
    Examples: gluscope layers; gluscope layers -f svg > layers.svg.
    """
    from ..views import layers as view

    printer = Printer(format, color)
    left_out: tuple[str, ...] = ()

    def table(rows: Iterable[LayerRow]) -> list[StyledLine]:
        nonlocal left_out
        lines, left_out = view.lines(list(rows), printer.width, printer.depth, light=printer.light)
        return lines

    with open_index(db) as index:
        rows, model, info = index.layers(signs=signs), index.model, index.info()
    if printer.format == "svg":
        from ..views.info import warning
        from ..views.svg import layers as drawn

        emit([drawn.picture(rows, model, signs, warning(info))])
        return
    printer.write(rows, view.COLUMNS, table)
    if left_out:
        tell(f"{', '.join(left_out)}: no room, widen the terminal or use --format csv")
    if printer.format == "table" and (example := view.example(rows)):
        where = f" --db {shlex.quote(str(db))}" if db is not None else ""
        tell(f'the neurons of a cell: gluscope neurons -n 0 -w "{example}"{where}')
    if printer.format == "table" and rows and rows[0].classes is None:
        tell("no classes: this index lacks the model's weights; add them with gluscope index --weights-only")
