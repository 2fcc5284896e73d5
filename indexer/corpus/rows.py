"""The documents of one file: the whole text, a JSON line each, or a row of a table each."""

from __future__ import annotations

import codecs
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from ..decoding import HEAD, NotTextError, blocks, lines, refuse_binary, whole_text, wide_encoding
from ..errors import GluscopeError
from .columns import Cell, Column, ColumnError, kind_of
from .csv_rows import read_csv
from .inputs import InputFile
from .json_array import elements
from .messages import is_broken
from .meter import Meter
from .parquet import check_parquet, read_parquet
from .streams import open_bytes, unreadable

Pair = tuple[str, Cell]
"""A source and its text, or its conversation."""

_SURROGATES = "half a surrogate pair stands alone, which is read as U+FFFD"


def read_file(file: InputFile, column: Column, meter: Meter) -> Iterator[Pair]:
    """The (source, text) pairs of a file, lazily; GluscopeError names the file and the line, row or byte."""
    if file.kind == "parquet":
        return read_parquet(file, column, meter)
    reader = {"jsonl": _read_jsonl, "json": _read_json, "csv": read_csv, "tsv": read_csv, "text": _read_text}
    return reader[file.kind](file, column, meter)


def check_file(file: InputFile, column: Column) -> bool:
    """Raise the errors of a file that can be found beforehand: it can't be opened, isn't text (if named), or lacks the
    column.

    Returns whether it may hold documents: a file in a folder that doesn't is passed over.
    """
    if not file.regular:  # a pipe can be read only once
        return True
    if not os.access(file.path, os.R_OK):
        raise unreadable(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if file.kind == "parquet":
        check_parquet(file, column)
    elif file.kind == "text" and column.chat == "always":
        if file.named:
            raise _not_a_conversation(file.label)
        return False
    elif file.kind == "text" or (file.kind == "json" and not file.named):
        try:
            if file.kind == "text":
                refuse_binary(_head(file), file.label)
            else:
                next(read_file(file, column, Meter()), None)
        except NotTextError:
            if file.named:
                raise
            return False
    else:
        next(read_file(file, column, Meter()), None)
    return True


def _head(file: InputFile) -> bytes:
    """The first bytes of its text; no more than those are read of a file that isn't compressed."""
    if file.compression:
        with open_bytes(file, Meter()) as (head, _):
            return head
    try:
        with open(file.path, "rb", buffering=0) as stream:
            return stream.read(HEAD)
    except OSError as error:
        raise unreadable(file, error) from None


class NoConversationError(NotTextError):
    """A file is plain text where every document is to be a conversation; a folder's walk passes over such files."""

    reason = "plain text, not conversations as --chat always has them"


def _not_a_conversation(label: str) -> NoConversationError:
    return NoConversationError(
        f"{label} is plain text, not conversations as --chat always has them",
        "give it JSON lines or a table whose column holds messages, or leave --chat always out",
    )


def plain_text(text: str, column: Column, label: str) -> str:
    """The text of a document that is not in a table. NoConversationError if every document is to be a conversation."""
    if column.chat == "always":
        raise _not_a_conversation(label)
    return text


def _read_text(file: InputFile, column: Column, meter: Meter) -> Iterator[Pair]:
    with open_bytes(file, meter) as (_, stream):
        yield file.label, plain_text(whole_text(stream, file.label), column, file.label)


def _read_jsonl(file: InputFile, column: Column, meter: Meter) -> Iterator[Pair]:
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        yield from json_lines(lines(stream, head, file.label), column, file.label, meter)


def json_lines(text: Iterable[str], column: Column, label: str, meter: Meter) -> Iterator[Pair]:
    """The (source, text) pairs of lines that each hold an object; blank lines are passed over."""
    for number, line in enumerate(text, 1):
        if not line.isspace():
            place = f"{label}, line {number}"
            row = _json(line, column, place)
            yield f"{label}:{number}", _json_cell(row, column, place, meter)


def is_json_line(line: str) -> bool:
    """Whether a line holds a whole JSON object."""
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_json(file: InputFile, column: Column, meter: Meter) -> Iterator[Pair]:
    """JSON lines under another name, or one array of objects; NotTextError for any other JSON.

    A folder holds JSON of many kinds, so there the first object must have the column, or the file holds no documents.
    """
    with open_bytes(file, meter) as (head, stream):
        refuse_binary(head, file.label)
        if _first_character(head) == "[":
            pairs = _json_array(blocks(stream, head, file.label), column, file, meter)
        else:
            pairs = _json_lines_only(lines(stream, head, file.label), column, file.label, meter)
        try:
            start = next(pairs, None)
        except ColumnError as error:
            raise error if file.named else NotTextError(error.cause, error.fix) from None
        yield from () if start is None else chain([start], pairs)


def _first_character(head: bytes) -> str:
    """The first character that is not blank in the decoded start of a file; empty if there is none."""
    decoder = codecs.getincrementaldecoder(wide_encoding(head) or "utf-8-sig")("replace")
    return decoder.decode(head).lstrip()[:1]


def _json_lines_only(text: Iterator[str], column: Column, label: str, meter: Meter) -> Iterator[Pair]:
    """JSON lines, if the first line that is not blank is one; NotTextError if it is anything else."""
    blank = 0
    for first in text:
        if first.isspace():
            blank += 1
        elif is_json_line(first):
            yield from json_lines(chain(["\n"] * blank, [first], text), column, label, meter)
        else:
            raise NotTextError(
                f"{label} holds neither JSON lines nor an array of objects",
                "write one object a line, or rename it to .txt to read it as plain text",
            )


def _json_array(text: Iterator[str], column: Column, file: InputFile, meter: Meter) -> Iterator[Pair]:
    number = 0
    try:
        for row in elements(text, _once_each(column, file.label)):
            number += 1
            place = f"{file.label}, element {number}"
            yield f"{file.label}:{number}", _json_cell(row, column, place, meter)
    except (ValueError, RecursionError) as error:
        raise GluscopeError(
            f"{file.label} is broken JSON after element {number}: {_reason(error)}", "mend or fetch it again"
        ) from None


def _json(line: str, column: Column, place: str) -> Any:
    """The value of a line. GluscopeError if it is broken, or has the column twice: Python would take the last one."""
    twice = any(line.count(f'"{name}"') > 1 for name in column.path)  # the hook takes time
    try:
        return json.loads(line, object_pairs_hook=_once_each(column, place) if twice else None)
    except (ValueError, RecursionError) as error:
        raise GluscopeError(f"{place} is broken JSON: {_reason(error)}", "mend or remove the line") from None


def _once_each(column: Column, place: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Makes the objects of JSON. GluscopeError if one has a field twice that the column's name names."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            for name in column.path:
                if keys.count(name) > 1:
                    raise GluscopeError(f"{place} has several fields {name!r}", "rename all but one of them")
        return found

    return made


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _json_cell(row: Any, column: Column, place: str, meter: Meter) -> Cell:
    if not isinstance(row, dict):
        raise ColumnError(
            f"{place} holds {kind_of(row)}, not an object", f'write one object a line: {{"{column.name}": "..."}}'
        )
    if is_broken(row.get(column.name, row.get(column.first))):
        meter.changed.add(_SURROGATES, place)
    return column.of_row(row, place)
