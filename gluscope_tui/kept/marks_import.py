"""Reads marks that others made: JSON lines, tables with a line of names, the lines of a marks file, bare addresses."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.addresses import parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant, parse_quadrant

from .marks import FIELDS, Mark, parse_line, parse_tags


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read: the marks, the lines that are none (number and reason), and the names of columns left out."""

    marks: tuple[Mark, ...]
    refused: tuple[tuple[int, str], ...]
    unknown: tuple[str, ...]


def read_marks(lines: Sequence[str]) -> Imported:
    """The marks of some lines. Blank lines and comments are skipped, except a comment that names the columns.

    A line that begins with { is JSON. If the first line names a column `neuron`, the others are a table with these
    columns, between tabs or commas. Otherwise each line is that of a marks file.
    """
    names, delimiter, start = _names(lines)
    marks: dict[Any, Mark] = {}
    refused: list[tuple[int, str]] = []
    unknown: dict[str, None] = dict.fromkeys(name for name in names if name not in FIELDS)
    for number, line in enumerate(lines[start:], start + 1):
        text = line.strip("\r\n")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            if text.lstrip().startswith("{"):
                found = _object(text)
                unknown.update(dict.fromkeys(str(name) for name in found if name not in FIELDS))
                mark = _mark(found)
            elif names:
                row = next(csv.reader([text], delimiter=delimiter))
                mark = _mark(dict(zip(names, row, strict=False)))
            else:
                mark = _line(text)
        except GluscopeError as error:
            refused.append((number, error.cause))
        else:
            marks[mark.key] = mark
    return Imported(tuple(marks.values()), tuple(refused), tuple(unknown))


def _names(lines: Sequence[str]) -> tuple[list[str], str, int]:
    """The names of the columns in the first line ([] if it has none), what stands between them, where rows begin."""
    for number, line in enumerate(lines):
        text = line.lstrip("\ufeff").strip("\r\n")
        if not text.strip():
            continue
        for delimiter in ("\t", ","):
            names = [name.strip().lower() for name in next(csv.reader([text.lstrip("# ")], delimiter=delimiter))]
            if "neuron" in names:
                own = tuple(names) == FIELDS and delimiter == "\t"  # its lines may be shorter, or of an older gluscope
                return [] if own else names, delimiter, number + 1
        if not text.lstrip().startswith("#"):
            break
    return [], "\t", 0


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise GluscopeError("this is not a JSON object", 'write {"neuron": "L12N345", "note": "..."}')
    return found


def _mark(found: dict[str, Any]) -> Mark:
    values = {name: found.get(name) for name in FIELDS}
    tags = values["tags"] or ()
    words = tags if isinstance(tags, str) else " ".join("-".join(str(tag).split()) for tag in _list(tags))
    return Mark(
        parse_neuron(_text(values["neuron"])),
        " ".join(_text(values["note"]).split()),
        _quadrant(_text(values["quadrant"])),
        parse_tags(words),
        " ".join(_text(values["date"]).split()),
    )


def _line(text: str) -> Mark:
    """The mark of a line of a marks file."""
    mark = parse_line(text)
    if mark is None:
        address = text.partition("\t")[0]
        raise GluscopeError(f"{address[:40]!a} is not a neuron address", "write addresses such as L12N345")
    return mark


def _quadrant(text: str) -> Quadrant | None:
    return parse_quadrant(text) if text.strip() else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise GluscopeError(f"{str(value)[:40]!a} is not a text", "write texts as texts")


def _list(value: Any) -> Iterator[Any]:
    if not isinstance(value, (list, tuple)):
        raise GluscopeError(f"{str(value)[:40]!a} is not a list of tags", 'write "tags": ["geo", "france"]')
    yield from value
