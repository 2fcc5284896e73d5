"""`gluscope models`: which families of the installed transformers can be indexed, and whether one model can."""

from __future__ import annotations

import csv
import io
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..text.clean import clean
from .options import Color
from .output import emit, emit_lines, tell

if TYPE_CHECKING:
    from indexer.models.families import Family

Format = Literal["table", "plain", "json", "csv", "md"]

Status = Literal["supported", "refused", "unbuilt", "all"]

_WIDEST = 30  # cells of a name, until it is cut


def command(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="One model: an id, a folder or a .gguf file.")
    ] = None,
    status: Annotated[
        Status, typer.Option("--status", "-s", help="Which families; unbuilt: their defaults make no model here.")
    ] = "supported",
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="table on a terminal, plain in a pipe, unless said here.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only how many families each adapter reads.")] = False,
    revision: Annotated[str | None, typer.Option("--revision", help="Of a model on the hub.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
    color: Color = "auto",
) -> None:
    """Tell which model families gluscope reads, how, and why it refuses the others; or tell it of one model.

    Nothing is run and no weights are read. Examples: gluscope models; gluscope models -s refused;
    gluscope models Qwen/Qwen3-8B; gluscope models -s all -f json > families.json
    """
    from indexer.models.families import REFUSED, families, family_of

    from .progress import narrator

    chosen: Format = format or ("table" if sys.stdout.isatty() else "plain")
    if model is not None:
        family, layers, neurons = family_of(model, revision, trust_remote_code)
        _one(family, layers, neurons, chosen)
        raise typer.Exit(1 if family.status == REFUSED else 0)
    with narrator() as report:
        found = families(report)
    if summary:
        columns = [("families", "families"), ("such as", "such_as"), ("read as", "adapter")]
        _print(columns, summary_rows(found), chosen, color)
        return
    rows = [asdict(family) for family in found if status in ("all", family.status)]
    how = {"supported": "read as", "all": "read as, or why not"}.get(status, "why not")
    columns = [("family", "family"), *([("status", "status")] if status == "all" else []), (how, "how")]
    _print(columns, rows, chosen, color)
    if chosen == "table":
        counts = Counter(family.status for family in found)
        tell(", ".join(f"{number} {name}" for name, number in counts.most_common()))


def _print(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], chosen: Format, color: str) -> None:
    """Rows as they are for scripts, their `columns` for people; `how` is the adapter, or the reason against."""
    if chosen == "json":
        _json(rows)
    elif chosen == "csv":
        emit_lines(_csv(rows))
    elif chosen == "plain":
        emit_lines("\t".join(clean(str(value)) for value in row.values()) for row in rows)
    else:
        cells = [{"how": row.get("adapter") or row.get("reason", ""), **row} for row in rows]
        emit_lines(_markdown(columns, cells) if chosen == "md" else _table(columns, cells, color))


def _one(family: Family, layers: int, neurons: int, chosen: Format) -> None:
    row: dict[str, Any] = {**asdict(family), "layers": layers, "neurons": neurons}
    if chosen == "json":
        _json(row)
        return
    from ..views.numbers import full_count

    row |= {"layers": layers or "", "neurons": full_count(neurons) if neurons else ""}
    emit_lines(f"{name}\t{clean(str(value))}" for name, value in row.items() if value != "")


def summary_rows(found: Sequence[Family]) -> list[dict[str, Any]]:
    """How many families each adapter reads and which, most first; what is refused in the last row."""
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


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], color: str) -> Iterator[str]:
    """Bold headings over rows in columns, all but the last as wide as they may be; it is cut at the terminal's edge."""
    from ..colour.depth import Depth, detect
    from ..colour.style import PLAIN, Style
    from ..text.cells import cell_len, fit

    cells = [[clean(str(row[key])) for _, key in columns] for row in rows]
    heads = [head for head, _ in columns]
    widths = [max([cell_len(head), *(cell_len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
    widths[:-1] = [min(width, _WIDEST) for width in widths[:-1]]
    widths[-1] = max(20, shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1))
    plain = detect(color, environment=os.environ, terminal=sys.stdout.isatty()).depth is Depth.PLAIN
    for number, row in enumerate([heads, *cells]):
        line = "  ".join(fit(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
        yield (PLAIN if number or plain else Style(bold=True)).paint(line)


def _markdown(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"| {' | '.join(head for head, _ in columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(clean(str(row[key])).replace('|', '+') for _, key in columns)} |"


def _csv(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        written = io.StringIO()
        csv.writer(written, lineterminator="").writerow(row)
        yield written.getvalue()


def _json(value: Any) -> None:
    import json

    emit([json.dumps(value, ensure_ascii=False, indent=1) + "\n"])
