"""Rows for scripts, as text and as JSON."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .json_text import dumps, listed

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Columns(Generic[Row]):
    """The columns of rows of one kind."""

    names: Sequence[str]
    fields: Callable[[Row], Sequence[str]]
    """The row's values as cleaned text, one for each of `names`; "" if there is none."""
    as_object: Callable[[Row], Mapping[str, Any]]
    """The row as a JSON object."""
    last_in_plain: str = ""
    """The name of a column that plain lines have at their end, so that the others stay where scripts expect them."""


def plain(rows: Iterable[Row], columns: Columns[Row]) -> Iterator[str]:
    """A line a row, its fields between tabs, without a heading."""
    names = columns.names
    places = sorted(range(len(names)), key=lambda place: names[place] == columns.last_in_plain)
    for row in rows:
        fields = columns.fields(row)
        yield "\t".join(fields[place] for place in places) + "\n"


def csv(rows: Iterable[Row], columns: Columns[Row]) -> Iterator[str]:
    """A line of names, then a line a row, quoted where CSV needs it."""
    yield _csv_line(columns.names)
    for row in rows:
        yield _csv_line(columns.fields(row))


def json(rows: Iterable[Row], columns: Columns[Row]) -> Iterable[str]:
    """A list, an object a line."""
    return listed(map(columns.as_object, rows))


def jsonl(rows: Iterable[Row], columns: Columns[Row]) -> Iterator[str]:
    """An object a line."""
    return (f"{dumps(columns.as_object(row))}\n" for row in rows)


def md(rows: Iterable[Row], columns: Columns[Row]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(columns.names)} |\n"
    yield f"|{'---|' * len(columns.names)}\n"
    for row in rows:
        yield f"| {' | '.join(field.replace('|', '+') for field in columns.fields(row))} |\n"


def _csv_line(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv_module.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue()
