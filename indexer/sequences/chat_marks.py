"""Marks around the texts of a conversation, by which they are found again in what a template makes of it.

A mark is a character of the private planes that the conversation doesn't use. Where a marked text lands is proven, not
guessed: without its marks, a marked rendering must be the unmarked one, and between its marks a text must be itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..corpus.messages import Message

_CONTENTS = ("content", "reasoning_content", "reasoning", "thinking", "tool_calls")
"""What a role says; the other texts of a message name it."""

_UNMARKED = ("role", "type")
_PRIVATE = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
_WORD = re.compile(r"\S+")
_TAG = re.compile(r"</?[^\s<>]+>|\[/?[A-Z_]+\]|/\w+")  # templates look for these: <think>, [THINK], /no_think


class Span(NamedTuple):
    """Characters of a rendered conversation that come from a text of a message."""

    start: int
    stop: int
    role: str | None  # whose content it is; None: a name or an id


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of a leaf that are marked together."""

    leaf: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text in a message."""

    text: str
    role: str | None

    @property
    def core(self) -> tuple[int, int]:
        """Where the text is without blanks around it."""
        start = len(self.text) - len(self.text.lstrip())
        return start, max(start, len(self.text.rstrip()))

    @property
    def words(self) -> list[tuple[int, int]]:
        """Its words, apart from those that templates look for; what stands beside such a tag is a word too."""
        found = []
        for word in _WORD.finditer(self.text):
            start = word.start()
            for tag in _TAG.finditer(word[0]):
                found.append((start, word.start() + tag.start()))
                start = word.start() + tag.end()
            found.append((start, word.end()))
        return [(start, stop) for start, stop in found if start < stop]


class Lost(Exception):
    """The marks of a rendering don't tell where the texts are."""


class Marked:
    """A conversation with marks in its texts."""

    def __init__(self, messages: Sequence[Message], pieces: Sequence[Piece], every: bool) -> None:
        """`pieces`: what to mark, in the order of leaves. `every`: leaves are all texts, not only the contents."""
        leaves = list(leaves_of(messages, every))
        used = set().union(*(leaf.text for leaf in leaves)) if leaves else set()
        free = (chr(code) for private in _PRIVATE for code in private if chr(code) not in used)
        try:
            self._marks = {next(free): (number, opens) for number in range(len(pieces)) for opens in (True, False)}
        except StopIteration:
            raise Lost from None
        self._leaves, self._pieces = leaves, pieces
        self._drop = dict.fromkeys(map(ord, self._marks))
        self._any = re.compile(f"[{''.join(self._marks)}]") if self._marks else re.compile("(?!)")
        texts = [leaf.text for leaf in leaves]
        names = list(self._marks)
        for number in reversed(range(len(pieces))):  # from the end, so that places stay
            piece = pieces[number]
            text = texts[piece.leaf]
            inside = f"{names[2 * number]}{text[piece.start : piece.stop]}{names[2 * number + 1]}"
            texts[piece.leaf] = text[: piece.start] + inside + text[piece.stop :]
        self.messages = rewritten(messages, every, iter(texts))

    def without(self, rendered: str) -> str:
        """A rendering without its marks."""
        return rendered.translate(self._drop)

    def spans(self, rendered: str) -> list[Span]:
        """Where the pieces are in the rendering, once it has no marks. Raises Lost unless each is whole there.

        Pieces that stand side by side as they do in their text are one span.
        """
        plain = self.without(rendered)
        found: list[tuple[int, int, int]] = []  # start, stop, piece
        opened: tuple[int, int] | None = None
        for gone, mark in enumerate(self._any.finditer(rendered)):
            number, opens = self._marks[mark[0]]
            place = mark.start() - gone
            if opens == (opened is not None) or (opened is not None and opened[1] != number):
                raise Lost
            if opened is None:
                opened = place, number
                continue
            found.append((opened[0], place, number))
            opened = None
        if opened is not None:
            raise Lost
        for start, stop, number in found:
            if not _same(plain[start:stop], self._text(number)):
                raise Lost
        return list(self._joined(found, plain))

    def _text(self, number: int) -> str:
        piece = self._pieces[number]
        return self._leaves[piece.leaf].text[piece.start : piece.stop]

    def _joined(self, found: Sequence[tuple[int, int, int]], plain: str) -> Iterator[Span]:
        last = -1
        held: Span | None = None
        for start, stop, number in found:
            piece, role = self._pieces[number], self._leaves[self._pieces[number].leaf].role
            if held is not None and number == last + 1 and self._pieces[last].leaf == piece.leaf:
                between = self._leaves[piece.leaf].text[self._pieces[last].stop : piece.start]
                if _same(plain[held.stop : start], between):
                    held, last = Span(held.start, stop, role), number
                    continue
            if held is not None:
                yield held
            held, last = Span(start, stop, role), number
        if held is not None:
            yield held


def leaves_of(messages: Sequence[Message], every: bool) -> Iterator[Leaf]:
    """The texts of the messages, in order; without `every`, only their contents."""
    for message in messages:
        for key, value in message.items():
            if _is_leaf(key, every):
                role = message["role"] if key in _CONTENTS else None
                yield from (Leaf(text, role) for text in _texts(value))


def rewritten(messages: Sequence[Message], every: bool, texts: Iterator[str]) -> list[dict[str, Any]]:
    """The messages with other texts, which are given in the order of `leaves_of`."""
    return [
        {key: _with(value, texts) if _is_leaf(key, every) else value for key, value in message.items()}
        for message in messages
    ]


def _is_leaf(key: str, every: bool) -> bool:
    return key in _CONTENTS or (every and key not in _UNMARKED)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in _UNMARKED:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _with(value: Any, texts: Iterator[str]) -> Any:
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, Mapping):
        return {key: one if key in _UNMARKED else _with(one, texts) for key, one in value.items()}
    return [_with(one, texts) for one in value] if isinstance(value, list) else value


def _same(written: str, text: str) -> bool:
    """Whether a template wrote a text as it is, or as JSON does inside quotes."""
    return written == text or written == json.dumps(text, ensure_ascii=False)[1:-1]
