"""The elements of a JSON array, one at a time: memory holds one element and a block of text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

MakeObject: TypeAlias = Callable[[list[tuple[str, Any]]], Any]

_BLOCK = 1 << 14
_BLANK = " \t\r\n"


def elements(blocks: Iterator[str], made: MakeObject | None = None) -> Iterator[Any]:
    """The elements of the array that `blocks` hold, joined. ValueError if they are not an array.

    `made`: makes an object of its keys and values.
    """
    text = _Text(blocks, made)
    text.take("[")
    if text.peek() == "]":
        text.take("]")
    else:
        while True:
            yield text.value()
            if text.peek() != ",":
                break
            text.take(",")
        text.take("]")
    if text.peek():
        raise ValueError("there is text after the end of the array")


class _Text:
    """The part of the text that has been read but not yet used."""

    def __init__(self, blocks: Iterator[str], made: MakeObject | None) -> None:
        self._blocks = blocks
        self._held = ""
        self._at = 0
        self._decoder = json.JSONDecoder(object_pairs_hook=made)

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more(1):
                return ""

    def take(self, character: str) -> None:
        if (found := self.peek()) != character:
            raise ValueError(f"{character!r} expected, {found!r} found" if found else "it ends too early")
        self._at += 1

    def value(self) -> Any:
        """The next element. Text is read in ever larger pieces until the element is whole."""
        self.peek()
        wanted = _BLOCK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
            except ValueError:
                if not self._more(wanted):
                    raise
            else:
                if end < len(self._held) or not self._more(1):  # a number may go on in the next block
                    self._at = end
                    return value
            wanted *= 2

    def _more(self, characters: int) -> bool:
        """Read at least so many characters, if there are any; False at the end of the text."""
        pieces = [self._held[self._at :]]
        read = 0
        for block in self._blocks:
            pieces.append(block)
            read += len(block)
            if read >= characters:
                break
        self._held, self._at = "".join(pieces), 0
        return read > 0
