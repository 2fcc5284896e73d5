"""`gluscope plot`: one column of all neurons against another, with their correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from indexer.database.query.table import column, column_list
from indexer.errors import GluscopeError

from ..views.correlation import pearson, spearman
from ..views.numbers import counted
from .columns import Where, complete
from .opening import open_index
from .options import Color, Db, Signs, format_option
from .output import emit, emit_lines, tell
from .printing import WIDEST, Printer, emit_object

Scale = Literal["auto", "linear", "asinh", "log"]
Format = Literal["rich", "plain", "json", "csv", "svg"]

_NARROWEST = 30  # cells
_LINES = 20
_HIGHEST = 1000


def command(
    x: Annotated[str, typer.Argument(metavar="X", autocompletion=complete, help="The column from left to right.")],
    y: Annotated[str, typer.Argument(metavar="Y", autocompletion=complete, help="The column from bottom to top.")],
    where: Where = None,
    x_scale: Annotated[
        Scale, typer.Option("--x-scale", help="asinh: logarithmic for large values, also negative ones.")
    ] = ("auto"),
    y_scale: Annotated[Scale, typer.Option("--y-scale", help="As --x-scale.")] = "auto",
    format: Annotated[
        Literal["rich", "plain", "json", "csv", "svg"] | None, format_option("rich, the picture,")
    ] = None,
    signs: Signs = "aligned",
    width: Annotated[
        int | None, typer.Option("--width", min=_NARROWEST, max=WIDEST, metavar="W", help="rich: cells a line.")
    ] = None,
    height: Annotated[int, typer.Option("--height", min=6, max=_HIGHEST, metavar="H", help="rich: lines.")] = _LINES,
    ascii: Annotated[bool, typer.Option("--ascii", help="rich: only ASCII.")] = False,
    color: Color = "auto",
    db: Db = None,
) -> None:
    """Draw two columns of the neurons against each other, with Pearson's and Spearman's coefficients.

    Examples: gluscope plot cos_in_out frequency_gate_positive; gluscope plot layer extreme_post_pp -w 'layer > 0';
    gluscope plot layer cos_in_out -f svg > plot.svg.
    """
    names = (_number(x), _number(y))
    printer = Printer(format, color, people="rich", width=width)
    with open_index(db) as index:
        rows = list(index.rows(("neuron", *names) if printer.format == "csv" else names, where=where, signs=signs))
        unfinished = "" if index.complete else "  (the index is not finished)"
    points = [row for row in rows if None not in row]
    if printer.format == "csv":
        from ..views.table import columns

        printer.write(points, columns(("neuron", *names)))
    elif points or printer.format == "json":
        xs, ys = ([float(row[place]) for row in points] for place in (0, 1))
        told = {
            "format": 1,
            "x": names[0],
            "y": names[1],
            "where": where,
            "signs": signs,
            "neurons": len(points),
            "without": len(rows) - len(points),
            "pearson": pearson(xs, ys),
            "spearman": spearman(xs, ys),
        }
        if printer.format == "json":
            emit_object(told)
        elif printer.format == "plain":
            fields = ("x", "y", "neurons", "pearson", "spearman")
            emit_lines(["\t".join("" if told[name] is None else str(told[name]) for name in fields)])
        else:
            scales = (_scale(names[0], x_scale, xs), _scale(names[1], y_scale, ys))
            if printer.format == "svg":
                _svg(told, (xs, ys), scales, unfinished)
                return
            _rich(told, (xs, ys), scales, (max(printer.width, _NARROWEST), height), printer, ascii_only=ascii)
    if not points:
        tell("no neuron has both values")
        raise typer.Exit(1)


def _number(name: str) -> str:
    """The full name of a numeric column. GluscopeError for other columns."""
    found = column(name)
    if found.kind == "text":
        raise GluscopeError(f"column {found.name} holds text, not numbers", f"name one of {column_list(numbers=True)}")
    return found.name


def _scale(name: str, asked: Scale, values: Sequence[float]) -> str:
    """The scale of an axis. auto: linear for bounded columns, asinh for magnitudes, which are heavy-tailed."""
    if asked == "log" and min(values) <= 0:
        raise GluscopeError(
            f"{name} has values that are 0 or negative, which have no logarithm", "use asinh instead of log"
        )
    if asked != "auto":
        return asked
    heavy = name.startswith(("mean_", "extreme_", "dot_", "count_", "norm_")) or name == "zero"
    return "asinh" if heavy else "linear"


def _rich(
    told: dict[str, object],
    points: tuple[list[float], list[float]],
    scales: tuple[str, str],
    size: tuple[int, int],
    printer: Printer,
    *,
    ascii_only: bool,
) -> None:
    from ..views.scatter import axis, picture

    xs, ys = points
    x, y = axis(str(told["x"]), xs, scales[0]), axis(str(told["y"]), ys, scales[1])
    note = {"linear": "", "asinh": " (asinh)", "log": " (log)"}
    emit_lines([f"{y.name}{note[y.scale]} over {x.name}{note[x.scale]}, {counted(len(xs), 'neuron')}"])
    printer.paint(picture(x, y, xs, ys, size, printer.depth, light=printer.light, ascii_only=ascii_only))
    emit_lines([f"Pearson {_told(told['pearson'])}  Spearman {_told(told['spearman'])}"])
    _tell_missing(told)


def _svg(
    told: dict[str, object], points: tuple[list[float], list[float]], scales: tuple[str, str], unfinished: str
) -> None:
    from ..views.scatter import axis
    from ..views.svg.scatter import Points, picture

    xs, ys = points
    said = f"{counted(len(xs), 'neuron')}  Pearson {_told(told['pearson'])}  Spearman {_told(told['spearman'])}"
    x, y = axis(str(told["x"]), xs, scales[0]), axis(str(told["y"]), ys, scales[1])
    emit([picture(x, y, Points(xs, ys, said + unfinished))])
    _tell_missing(told)


def _tell_missing(told: dict[str, object]) -> None:
    if told["without"]:
        without = int(str(told["without"]))
        tell(f"{counted(without, 'neuron')} {'lacks' if without == 1 else 'lack'} one of the values")


def _told(coefficient: object) -> str:
    return f"{coefficient:+.3f}" if isinstance(coefficient, float) else "-"
