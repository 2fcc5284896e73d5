"""The documents of a CSV or TSV file, a row each."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from ..decoding import lines, refuse_binary
from ..errors import GluscopeError
from .columns import Cell, Column, missing_column, several_columns
from .inputs import InputFile
from .meter import Meter
from .streams import open_bytes

_LONGEST_FIELD = 2**31 - 1  # characters in a field of a CSV; Python stops at 131,072 unless told


def read_csv(file: InputFile, column: Column, meter: Meter) -> Iterator[tuple[str, Cell]]:
    """The (source, text) pairs of a file, `PATH:row`. GluscopeError names the file, and the row or line."""
    csv.field_size_limit(_LONGEST_FIELD)
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        text = lines(stream, head, file.label)
        # strict: an open quote at the end would otherwise swallow the rest of the file into one document
        table = csv.reader(text, delimiter="\t" if file.kind == "tsv" else ",", strict=True)
        rows = _csv_rows(table, file.label)
        header = next(rows, None)
        if header is None:
            return
        if column.name not in header:
            raise missing_column(column.name, header, file.label)
        if header.count(column.name) > 1:
            raise several_columns(column.name, file.label)
        place = header.index(column.name)
        for number, row in enumerate(rows, 1):
            if place >= len(row):
                raise GluscopeError(
                    f"{file.label}, row {number} (line {table.line_num}) has {len(row)} of {len(header)} fields",
                    "mend or remove the row",
                )
            yield f"{file.label}:{number}", column.cell(row[place], f"{file.label}, row {number}")


def _csv_rows(table: Iterator[list[str]], label: str) -> Iterator[list[str]]:
    """Rows, without blank lines."""
    try:
        for row in table:
            if row:
                yield row
    except csv.Error as error:
        line = getattr(table, "line_num", 0)
        raise GluscopeError(f"{label}, line {line} is broken CSV: {error}", "mend the quotes of that row") from None
