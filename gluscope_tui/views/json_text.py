"""JSON as text: one value a line, or a list written as its values come."""

from __future__ import annotations

import json
from collections.abc import Iterable


def dumps(value: object) -> str:
    """One line of ASCII: other characters are escaped, so that it is safe to look at in a terminal too."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def listed(values: Iterable[object]) -> Iterable[str]:
    """The pieces of a JSON list, written as they come: a value a line."""
    separator = "[\n"
    for value in values:
        yield f"{separator}{dumps(value)}"
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
