"""The kinds of values that an index holds. SQLite lets a column hold anything, so every value read is checked here."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of the values in a column of a query."""

    name: str  # as a message has it
    types: frozenset[type]
    least: float = -math.inf  # of numbers
    most: float = math.inf  # of numbers; of texts and blobs, their length in characters or bytes
    characters: frozenset[str] | None = None  # that a text may have
    choices: frozenset[str] | None = None  # what a text may be

    @property
    def or_null(self) -> Kind:
        """The same, or NULL."""
        return replace(self, types=self.types | {type(None)})

    @property
    def is_long(self) -> bool:
        """Whether a value may take more than a few bytes."""
        return bool(self.types & {str, bytes}) and self.choices is None and self.most > 1000

    def of(self, most: float) -> Kind:
        """The same with another bound."""
        return replace(self, most=most)

    def holds(self, values: Sequence[Any]) -> bool:
        """Whether all of these values are of this kind."""
        if not set(map(type, values)) <= self.types:
            return False
        if type(None) in self.types:
            values = [value for value in values if value is not None]
        if not values:
            return True
        if not self.types & {str, bytes}:
            return bool(self.least <= min(values) and max(values) <= self.most)  # SQLite holds no NaN
        if self.choices is not None:
            return set(values) <= self.choices
        return max(map(len, values)) <= self.most and (
            self.characters is None or self.characters.issuperset("".join(values))
        )


_LARGEST_FLOAT32 = 3.4028235677973362e38  # what still rounds to a finite float32
_NUMBERS = frozenset({int, float})

COUNT = Kind("a number from 0", frozenset({int}), 0, 2**62)
FLAG = Kind("0 or 1", frozenset({int}), 0, 1)
REAL = Kind("a finite number", _NUMBERS, -sys.float_info.max, sys.float_info.max)
SINGLE = Kind("a float32", _NUMBERS, -_LARGEST_FLOAT32, _LARGEST_FLOAT32)
SHARE = Kind("a number from 0 to 1", _NUMBERS, 0, 1)
BITS = Kind("a number of bits", _NUMBERS, 0, 64)
COSINE = Kind("a cosine", _NUMBERS, -1.001, 1.001)
TEXT = Kind("a short text", frozenset({str}), most=10_000)
LONG_TEXT = Kind("a text", frozenset({str}), most=2**24)
ADDRESS = Kind("an address", frozenset({str}), most=100, characters=frozenset("encdecLENS.0123456789"))
STACK = Kind("a stack of layers", frozenset({str}), choices=frozenset({"", "enc", "dec"}))
TOKEN = Kind("the bytes of a token", frozenset({bytes}), most=2**16)
BLOB = Kind("a blob", frozenset({bytes}), most=2**24)


def misfit(rows: Sequence[Sequence[Any]], kinds: Sequence[Kind]) -> int | None:
    """The place of the first column that holds a value not of its kind; None if all are what they should be."""
    for place, kind in enumerate(kinds):
        if not kind.holds([row[place] for row in rows]):
            return place
    return None
