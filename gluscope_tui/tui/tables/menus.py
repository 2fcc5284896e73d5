"""The lines of the menus that choose a neuron's columns, to sort by or to show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.database.format.columns import COLUMNS

_WIDTH = 26


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a menu, and the id that it returns."""

    id: str
    text: str


def sort_choices(columns: Sequence[str]) -> list[Choice]:
    """The order of the index, then every one of the columns in both directions."""
    found = [Choice("neuron up", "the order of the index")]
    for name in columns:
        text = COLUMNS[name].kind == "text"
        if name in ("neuron", "site"):
            continue
        ways = (("up", "from a to z"), ("down", "from z to a")) if text else ()
        for way, words in ways or (("down", "largest first"), ("up", "smallest first")):
            found.append(Choice(f"{name} {way}", f"{name:<{_WIDTH}} {words}"))
    return found


def sorted_by(choice: str) -> tuple[str, bool]:
    """The column and direction (True: largest first) of a choice; the column is "" for the order of the index."""
    name, _, way = choice.rpartition(" ")
    return ("" if name == "neuron" else name), way == "down"


def column_choices(shown: Sequence[str], names: Sequence[str]) -> list[Choice]:
    """Every column that may be shown, and whether it is shown; the neuron always is."""
    return [Choice(name, f"{'x' if name in shown else ' '} {name}") for name in names if name != "neuron"]
