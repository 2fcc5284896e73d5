"""The column of a table that holds the text: what its cells may be, and the errors if it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import GluscopeError

_FIX = "name the column that holds the text with --column"
_SHOWN = 8  # columns named in a message
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class ColumnError(GluscopeError):
    """A row has no such column, or the column doesn't hold text."""


def text_of(value: Any, column: str, place: str) -> str:
    """The text that a cell holds. Null is an empty document; any other value is a GluscopeError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ColumnError(f"{place}: column {column!r} holds {kind_of(value)}, not text", _FIX)
    return value


def kind_of(value: Any) -> str:
    """What JSON calls a value, with its article; of what JSON doesn't know the type."""
    return _KINDS.get(type(value), type(value).__name__)


def missing_column(column: str, columns: Sequence[str], place: str) -> ColumnError:
    """The error for a table that lacks the column; names the first columns that it has."""
    shown = ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")
    return ColumnError(f"{place} has no column {column!r}; it has: {shown or 'none'}", _FIX)


def column_of_wrong_type(column: str, type_name: str, place: str) -> ColumnError:
    """The error for a column that holds something other than text."""
    return ColumnError(f"{place}: column {column!r} holds {type_name}, not text", _FIX)
