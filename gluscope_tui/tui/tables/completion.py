"""Completes a condition as it is typed: columns, and the values of columns that have few. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .menus import with_signs

_VALUE = re.compile(
    r"(\w+)\s*(?:==?|!=|<>|\bnot\s+in\s*\(|\bin\s*\(|\blike\b)\s*(?:[^()]*,\s*)?(['\"]?)([^'\"]*)\Z", re.I
)
_WORD = re.compile(r"[A-Za-z_]\w*(?:(?<=_)[+-]{1,2})?\Z")


@dataclass(frozen=True, slots=True)
class Completed:
    """The text with what could be added, the cursor after it, and the choices if there are several."""

    text: str
    at: int
    choices: tuple[str, ...] = ()


def complete(text: str, at: int, columns: Sequence[str], values: Mapping[str, Sequence[str]]) -> Completed:
    """Complete the word before the cursor as far as all its completions agree.

    After a comparison with a column of `values` it is one of these, between quotes; else a column, whose quadrant is
    spelled with signs if the word is.
    """
    before, rest = text[:at], text[at:]
    found = _last_value(before)
    if found and found[1].lower() in values:
        quote, typed = found[2] or "'", found[3]
        choices = [value for value in values[found[1].lower()] if value.lower().startswith(typed.lower())]
        start = found.start(2)
        if len(choices) == 1:
            closed = "" if rest.startswith(quote) else quote
            return _put(before[:start] + quote + choices[0] + closed, rest, ())
        if choices:
            return _put(before[:start] + quote + (_common(choices) or typed), rest, choices)
    match = _WORD.search(before)
    typed = match[0] if match else ""
    names = map(with_signs, columns) if typed.endswith(("+", "-")) else columns
    choices = [name for name in names if name.startswith(typed.lower())]
    start = at - len(typed)
    if len(choices) == 1:
        return _put(before[:start] + choices[0] + ("" if rest.startswith(" ") else " "), rest, ())
    return _put(before[:start] + (_common(choices) or typed), rest, choices) if choices else _none(text, at)


def _last_value(before: str) -> re.Match[str] | None:
    """The last comparison, whose value is typed: in `layer = 2 and site = ` that of `site`."""
    found, later = None, _VALUE.search(before)
    while later is not None:
        found, later = later, _VALUE.search(before, later.end(1))
    return found


def _put(before: str, rest: str, choices: Sequence[str]) -> Completed:
    return Completed(before + rest, len(before), tuple(choices))


def _none(text: str, at: int) -> Completed:
    return Completed(text, at)


def _common(choices: Sequence[str]) -> str:
    """The longest text that all begin with."""
    first, last = min(choices), max(choices)
    return first[
        : next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    ]
