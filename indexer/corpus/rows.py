"""The documents of one file: the whole text, a JSON line each, or a row of a table each."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Iterator

from ..errors import GluscopeError
from .columns import kind_of, missing_column, text_of
from .decoding import decode, lines, refuse_binary
from .inputs import InputFile
from .parquet import check_parquet, read_parquet
from .streams import Meter, open_bytes, unreadable

Pair = tuple[str, str]
"""A source and its text."""

_LONGEST_FIELD = 2**31 - 1  # characters in a field of a CSV; Python stops at 131,072 unless told


def read_file(file: InputFile, column: str, meter: Meter) -> Iterator[Pair]:
    """The (source, text) pairs of a file, lazily; GluscopeError names the file and the line, row or byte."""
    if file.kind == "parquet":
        return read_parquet(file, column, meter)
    reader = {"jsonl": _read_jsonl, "csv": _read_csv, "text": _read_text}[file.kind]
    return reader(file, column, meter)


def check_file(file: InputFile, column: str) -> None:
    """Raise what can be known of a file beforehand: it can't be opened, isn't text (if named), or lacks the column.

    Of a text in a folder only the permissions are looked at: it is passed over if it turns out to be no text.
    """
    if not file.regular:  # a pipe can be read only once
        return
    if not os.access(file.path, os.R_OK):
        raise unreadable(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if file.kind == "parquet":
        check_parquet(file, column)
    elif file.kind == "text" and file.named:
        with open_bytes(file, Meter()) as (head, _):
            refuse_binary(head, file.label)
    elif file.kind != "text":
        for _ in read_file(file, column, Meter()):
            break


def _read_text(file: InputFile, column: str, meter: Meter) -> Iterator[Pair]:  # noqa: ARG001
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        yield file.label, decode(stream.read(), file.label)


def _read_jsonl(file: InputFile, column: str, meter: Meter) -> Iterator[Pair]:
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        for number, line in enumerate(lines(stream, head, file.label), 1):
            if not line.isspace():
                yield f"{file.label}:{number}", _json_text(line, column, f"{file.label}, line {number}")


def _json_text(line: str, column: str, place: str) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise GluscopeError(f"{place} is broken JSON: {reason}", "mend or remove the line") from None
    if not isinstance(row, dict):
        raise GluscopeError(
            f"{place} holds {kind_of(row)}, not an object", f'write one object a line: {{"{column}": "..."}}'
        )
    if column not in row:
        raise missing_column(column, list(row), place)
    return text_of(row[column], column, place)


def _read_csv(file: InputFile, column: str, meter: Meter) -> Iterator[Pair]:
    csv.field_size_limit(_LONGEST_FIELD)
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        # strict: an open quote at the end would otherwise swallow the rest of the file into one document
        table = csv.reader(lines(stream, head, file.label), strict=True)
        rows = _csv_rows(table, file.label)
        header = next(rows, None)
        if header is None:
            return
        if column not in header:
            raise missing_column(column, header, file.label)
        place = header.index(column)
        for number, row in enumerate(rows, 1):
            if place >= len(row):
                raise GluscopeError(
                    f"{file.label}, row {number} (line {table.line_num}) has {len(row)} of {len(header)} fields",
                    "mend or remove the row",
                )
            yield f"{file.label}:{number}", row[place]


def _csv_rows(table: Iterator[list[str]], label: str) -> Iterator[list[str]]:
    """Rows but for blank lines."""
    try:
        for row in table:
            if row:
                yield row
    except csv.Error as error:
        line = getattr(table, "line_num", 0)
        raise GluscopeError(f"{label}, line {line} is broken CSV: {error}", "mend the quotes of that row") from None
