"""`gluscope models`: which model families can be indexed, and whether a given model can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..text.clean import clean
from ..views.columns import Columns
from .extras import require_index_extra
from .options import Color, format_option
from .output import emit_lines, tell
from .printing import Printer, emit_object

if TYPE_CHECKING:
    from indexer.models.families import Family

    from ..colour.style import StyledLine

Status = Literal["supported", "refused", "unbuilt", "all"]

_WIDEST = 30  # cells of a name, until it is cut


def command(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="One model: an id, a folder or a .gguf file.")
    ] = None,
    status: Annotated[
        Status, typer.Option("--status", "-s", help="Which families; unbuilt: the defaults give no model here.")
    ] = "supported",
    format: Annotated[
        Literal["table", "plain", "tsv", "json", "jsonl", "csv", "md"] | None, format_option("table")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only count the families that each adapter reads.")
    ] = False,
    revision: Annotated[str | None, typer.Option("--revision", help="Revision of a model on the hub.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
    color: Color = "auto",
) -> None:
    """List the model families that gluscope reads, how it reads them, and why it refuses others; or check one model.

    Runs no model and reads no weights. Examples: gluscope models; gluscope models -s refused;
    gluscope models Qwen/Qwen3-8B; gluscope models -s all -f json > families.json
    """
    require_index_extra("models")
    from indexer.models.families import REFUSED, families, family_of

    from .progress import narrator

    printer = Printer(format, color)
    if model is not None:
        family, layers, neurons = family_of(model, revision, trust_remote_code)
        _one(family, layers, neurons, printer)
        raise typer.Exit(1 if family.status == REFUSED else 0)
    with narrator() as report:
        found = families(report)
    if summary:
        columns = [("families", "families"), ("such as", "such_as"), ("read as", "adapter")]
        _print(columns, summary_rows(found), printer)
        return
    rows = [asdict(family) for family in found if status in ("all", family.status)]
    how = {"supported": "read as", "all": "read as, or why not"}.get(status, "why not")
    columns = [("family", "family"), *([("status", "status")] if status == "all" else []), (how, "how")]
    _print(columns, rows, printer)
    if printer.format == "table":
        counts = Counter(family.status for family in found)
        tell(", ".join(f"{number} {name}" for name, number in counts.most_common()))


def _print(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], printer: Printer) -> None:
    """All fields of the rows for scripts, some `columns` for people; `how` is the adapter or the reason for refusal."""
    if printer.format == "md":
        heads = [head for head, _ in columns]
        printer.write(rows, Columns(heads, lambda row: [_cell(row, key) for _, key in columns], dict))
        return
    names = list(rows[0]) if rows else [key for _, key in columns]
    everything: Columns[dict[str, Any]] = Columns(names, lambda row: [_cell(row, name) for name in row], dict)
    printer.write(rows, everything, lambda rows: _table(columns, list(rows), printer))


def _cell(row: dict[str, Any], key: str) -> str:
    value = row.get("adapter") or row.get("reason", "") if key == "how" else row[key]
    return clean(str(value))


def _one(family: Family, layers: int, neurons: int, printer: Printer) -> None:
    """One model: an object, a row, or for people and in plain a line for each field."""
    row: dict[str, Any] = {**asdict(family), "layers": layers, "neurons": neurons}
    if printer.format in ("json", "jsonl"):
        emit_object(row)
        return
    row |= {name: row[name] or "" for name in ("layers", "neurons")}
    if printer.format in ("csv", "md"):
        _print([(name, name) for name in row], [row], printer)
        return
    gap = "\t"
    if printer.format == "table":
        from ..views.numbers import full_count

        gap = " "
        row = {f"{name:<{max(map(len, row))}}": value for name, value in row.items()}
        row |= {name: full_count(value) for name, value in row.items() if isinstance(value, int)}
    emit_lines(f"{name}{gap}{clean(str(value))}" for name, value in row.items() if value != "")


def summary_rows(found: Sequence[Family]) -> list[dict[str, Any]]:
    """How many families each adapter reads, with examples, most first. The last row counts refused families."""
    by_adapter: dict[str, list[str]] = {}
    for family in found:
        if family.status == "supported":
            by_adapter.setdefault(family.adapter, []).append(family.family)
    ordered = sorted(by_adapter.items(), key=lambda item: (-len(item[1]), item[0]))
    rows: list[dict[str, Any]] = [
        {"families": len(names), "adapter": adapter, "such_as": ", ".join(names[:4])} for adapter, names in ordered
    ]
    refused = [family.family for family in found if family.status == "refused"]
    return [*rows, {"families": len(refused), "adapter": "refused", "such_as": ", ".join(refused[:4])}]


def _table(
    columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], printer: Printer
) -> Iterator[StyledLine]:
    """Bold headings over rows. Only the last column is cut at the terminal's edge."""
    from ..colour.depth import Depth
    from ..colour.style import PLAIN, Style
    from ..text.cells import cell_len, fit

    cells = [[_cell(row, key) for _, key in columns] for row in rows]
    heads = [head for head, _ in columns]
    widths = [max([cell_len(head), *(cell_len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
    widths[:-1] = [min(width, _WIDEST) for width in widths[:-1]]
    widths[-1] = max(20, printer.width - sum(widths[:-1]) - 2 * (len(widths) - 1))
    bold = PLAIN if printer.depth is Depth.PLAIN else Style(bold=True)
    for number, row in enumerate([heads, *cells]):
        line = "  ".join(fit(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
        yield ((line, PLAIN if number else bold),)
