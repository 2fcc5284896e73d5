"""The lines of the menus that choose a neuron's columns, to sort by or to show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.database.format.columns import COLUMNS
from indexer.quadrants import QUADRANTS

from .query import Query

_WIDTH = 26


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a menu, and the id that it returns. `also`: words by which it is found too."""

    id: str
    text: str
    also: str = ""


def sort_choices(columns: Sequence[str]) -> list[Choice]:
    """The order of the index, then every one of the columns in both directions."""
    found = [Choice("neuron up", "the order of the index")]
    for name in columns:
        text = COLUMNS[name].kind == "text"
        if name in ("neuron", "site"):
            continue
        ways = (("up", "from a to z"), ("down", "from z to a")) if text else ()
        for way, words in ways or (("down", "largest first"), ("up", "smallest first")):
            found.append(Choice(f"{name} {way}", f"{_signed(name)} {words}", with_signs(name)))
        if COLUMNS[name].kind == "real" and not name.startswith(("frequency_", "norm_")):
            line = f"{_signed(f'|{name}|')} largest magnitude first"
            found.append(Choice(f"|{name}| down", line, f"|{with_signs(name)}|"))
    return found


def with_signs(name: str) -> str:
    """A column's name with the signs of its quadrant: frequency_-+ for frequency_np. Other names stay."""
    before, _, letters = name.rpartition("_")
    return next((f"{before}_{one.value}" for one in QUADRANTS if before and one.letters == letters), name)


def _signed(name: str) -> str:
    """A column's name, and its quadrant with signs, by which it is found too."""
    column = name.strip("|")
    sign = with_signs(column)[-2:] if with_signs(column) != column else ""
    return f"{name:<{_WIDTH}} {sign:<2}"


def sorted_by(choice: str) -> Query:
    """The order that a choice stands for."""
    name, _, way = choice.rpartition(" ")
    column = name.strip("|")
    return Query("", "" if column == "neuron" else column, way == "down", magnitude=name != column)


def column_choices(shown: Sequence[str], names: Sequence[str]) -> list[Choice]:
    """Every column that may be shown, and whether it is shown; the neuron always is."""
    return [
        Choice(name, f"{'x' if name in shown else ' '} {_signed(name)}".rstrip(), with_signs(name))
        for name in names
        if name != "neuron"
    ]
