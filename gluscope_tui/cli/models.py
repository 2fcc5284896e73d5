"""`gluscope models`: which families of the installed transformers can be indexed, and whether one model can."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .output import emit, emit_lines, tell

if TYPE_CHECKING:
    from indexer.families import Family

Format = Literal["table", "plain", "json", "csv"]


def command(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="One model: an id, a folder or a .gguf file.")
    ] = None,
    status: Annotated[
        Literal["supported", "refused", "all"], typer.Option("--status", "-s", help="Which families.")
    ] = "supported",
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="table on a terminal, plain in a pipe, unless said here.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only how many families each adapter reads.")] = False,
    revision: Annotated[str | None, typer.Option("--revision", help="Of a model on the hub.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
) -> None:
    """Tell which model families gluscope reads, how, and why it refuses the others; or tell it of one model.

    Nothing is run and no weights are read. Examples: gluscope models; gluscope models -s refused;
    gluscope models Qwen/Qwen3-8B; gluscope models -s all -f json > families.json
    """
    from indexer.families import REFUSED, families, family_of

    from .progress import narrator

    chosen: Format = format or ("table" if sys.stdout.isatty() else "plain")
    if model is not None:
        family, layers, neurons = family_of(model, revision, trust_remote_code)
        _one(family, layers, neurons, chosen)
        raise typer.Exit(1 if family.status == REFUSED else 0)
    with narrator() as report:
        found = families(report)
    if summary:
        _summary(found, chosen)
        return
    _many([family for family in found if status in ("all", family.status)], found, chosen)


def _many(shown: Sequence[Family], found: Sequence[Family], chosen: Format) -> None:
    rows = [asdict(family) for family in shown]
    if chosen == "json":
        _json(rows)
    elif chosen == "csv":
        emit_lines(_csv(rows))
    elif chosen == "plain":
        emit_lines("\t".join(row.values()) for row in rows)
    else:
        columns = [("family", "family"), ("status", "status"), ("read as, or why not", "how"), ("reading", "model")]
        cells = [{**row, "how": row["adapter"] or row["reason"]} for row in rows]
        emit_lines(_table(columns, cells))
        counts = Counter(family.status for family in found)
        tell(", ".join(f"{number} {name}" for name, number in counts.most_common()))


def _one(family: Family, layers: int, neurons: int, chosen: Format) -> None:
    row: dict[str, Any] = {**asdict(family), "layers": layers, "neurons": neurons}
    if chosen == "json":
        _json(row)
        return
    from ..text.clean import clean
    from ..views.numbers import full_count

    row |= {"layers": layers or "", "neurons": full_count(neurons) if neurons else ""}
    emit_lines(f"{name}\t{clean(str(value))}" for name, value in row.items() if value != "")


def _summary(found: Sequence[Family], chosen: Format) -> None:
    rows = summary_rows(found)
    if chosen == "json":
        _json(rows)
    elif chosen == "csv":
        emit_lines(_csv(rows))
    elif chosen == "plain":
        emit_lines("\t".join(map(str, row.values())) for row in rows)
    else:
        emit_lines(_table([("families", "families"), ("read as", "adapter"), ("such as", "such_as")], rows))


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
    return [*rows, {"families": len(refused), "adapter": "refused: not gated, no text, or not read", "such_as": ""}]


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Rows in columns; the column that would be too wide is cut at the terminal's edge."""
    from ..text.cells import cell_len, fit
    from ..text.clean import clean

    cells = [[clean(str(row[key])) for _, key in columns] for row in rows]
    heads = [head for head, _ in columns]
    widths = [max([cell_len(head), *(cell_len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
    room = max(20, shutil.get_terminal_size().columns - 2 * (len(widths) - 1))
    widest = widths.index(max(widths))
    widths[widest] = max(20, min(widths[widest], room - sum(widths) + widths[widest]))
    for row in [heads, *cells]:
        yield "  ".join(fit(text, width) for text, width in zip(row, widths, strict=True)).rstrip()


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
