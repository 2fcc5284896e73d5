"""The column of a table that holds the text: what its cells may be, and the errors if it is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import GluscopeError
from .messages import Messages, looks_like_messages, messages_of

Cell: TypeAlias = "str | Messages"
"""A text, or a conversation."""

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


@dataclass(frozen=True, slots=True)
class Column:
    """The column that holds the text, and whether its lists of messages are conversations."""

    name: str  # meta.text: the field text of the column meta, unless a column has that whole name
    chat: str = "auto"  # "auto": lists of messages are; "never"; "always": every cell is

    @property
    def path(self) -> tuple[str, ...]:
        """The names of fields that lead to it: as one, and from object to object."""
        return tuple(dict.fromkeys((self.name, *self.name.split("."))))

    @property
    def first(self) -> str:
        """The column itself, if the name goes on to a field in it."""
        return self.name.partition(".")[0]

    def of_row(self, row: Mapping[str, Any], place: str) -> Cell:
        """What a row holds in the column. GluscopeError if it has no such column."""
        if self.name in row:
            return self.cell(row[self.name], place)
        at: Any = row
        for number, name in enumerate(self.name.split(".")):
            if number and at is None:  # the whole object is missing in this row
                return ""
            if not isinstance(at, Mapping) or name not in at:
                where = "" if not number else f" in {'.'.join(self.name.split('.')[:number])}"
                raise missing_column(self.name, list(at) if isinstance(at, Mapping) else [], f"{place}{where}")
            at = at[name]
        return self.cell(at, place)

    def cell(self, value: Any, place: str) -> Cell:
        """The text or conversation of a cell. Null is an empty document; any other value is a GluscopeError."""
        if value is None:
            return ""
        if self.chat == "always" and isinstance(value, str):
            value = _listed(value)
        if self.chat != "never" and _is_transposed(value):
            value = [dict(zip(value, one, strict=True)) for one in zip(*value.values(), strict=True)]
        if self.chat != "never" and looks_like_messages(value):
            return messages_of(value, place) or ""
        if not isinstance(value, str) or self.chat == "always":
            wanted = {"auto": "text or messages", "never": "text", "always": "messages"}[self.chat]
            raise ColumnError(f"{place}: column {self.name!r} holds {kind_of(value)}, not {wanted}", _FIX)
        return value


def kind_of(value: Any) -> str:
    """What JSON calls a value, with its article; of what JSON doesn't know the type."""
    return _KINDS.get(type(value), type(value).__name__)


def missing_column(column: str, columns: Sequence[str], place: str) -> ColumnError:
    """The error for a table that lacks the column; names the first columns that it has."""
    shown = ", ".join(map(str, columns[:_SHOWN])) + (", ..." if len(columns) > _SHOWN else "")
    return ColumnError(f"{place} has no column {column!r}; it has: {shown or 'none'}", _FIX)


def several_columns(column: str, place: str) -> ColumnError:
    """The error for a table with several columns of the name."""
    return ColumnError(f"{place} has several columns {column!r}", "rename all but one of them")


def column_of_wrong_type(column: str, type_name: str, place: str) -> ColumnError:
    """The error for a column that holds something other than text."""
    return ColumnError(f"{place}: column {column!r} holds {type_name}, not text", _FIX)


def _listed(text: str) -> Any:
    """The value of a JSON text: tables without types write messages so. The text itself if it isn't JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_transposed(value: Any) -> bool:
    """Whether a value is a list of messages as `datasets` gives some: an object of lists of one length."""
    return (
        isinstance(value, Mapping)
        and ("role" in value or "from" in value)
        and all(isinstance(one, list) for one in value.values())
        and len({len(one) for one in value.values()}) == 1
    )
