"""The token ids of a text too long to encode at once: encoded window by window, with the same ids as the whole.

1. A window of the text is encoded, from a little before the place reached so far to well after it.
2. Of its tokens, those between the place reached and a later border are taken. A border is a place that no token can
   lie across: two pieces of the pre-tokenizer meet there, or two characters that no token of the vocabulary holds side
   by side.
3. The next window starts before that border. It must have the border too, and agree with the previous window on the
tokens that both hold.

A text without such a border, or whose windows disagree, is encoded whole instead.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_BYTE_TOKEN = "<0x"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths in characters."""

    window: int = 1 << 17  # encoded at a time
    before: int = 1 << 12  # of it, before the place that is reached
    after: int = 1 << 12  # of it, after the border that ends what is taken
    edge: int = 1 << 10  # of that, what the end of the window may have changed


class LongTexts:
    """Encodes long texts with a `tokenizers.Tokenizer` that adds no special tokens."""

    def __init__(self, backend: Any, sizes: Sizes | None = None) -> None:
        self._backend = backend
        self._sizes = Sizes() if sizes is None else sizes

    def encode(self, text: str, enough: int | None = None) -> array[int] | None:
        """The ids of the text's tokens (the first `enough` of them at least), or None: it must be encoded whole."""
        ids = array("i")
        reached = 0
        expected: list[tuple[int, int]] = []
        while True:
            window = self._window(text, reached)
            first = 0 if reached == 0 else window.border_at(reached)
            if first is None or window.tokens_from(first)[: len(expected)] != expected:
                return None
            if window.ends_text:
                ids.extend(window.ids[first:])
                return ids
            last = next((at for at in window.borders() if at > first), None)
            if last is None:
                return None
            ids.extend(window.ids[first:last])
            if enough is not None and len(ids) >= enough:
                return ids
            reached = window.start_of(last)
            expected = window.tokens_from(last)

    def _window(self, text: str, reached: int) -> _Window:
        low = max(0, reached - self._sizes.before)
        high = min(len(text), reached + self._sizes.window)
        encoding = self._backend.encode(text[low:high], add_special_tokens=False)
        return _Window(
            ids=encoding.ids,
            starts=[start + low for start, _ in encoding.offsets],
            ends=[end + low for _, end in encoding.offsets],
            words=encoding.word_ids,
            names=encoding.tokens,
            text=text,
            high=high,
            sizes=self._sizes,
            adjacent=self,
        )

    @cached_property
    def pairs(self) -> set[str]:
        """Characters that some token of the vocabulary holds side by side, as two-character strings."""
        definition = json.loads(self._backend.to_str())
        names = {*self._backend.get_vocab(), *(token["content"] for token in definition["added_tokens"])}
        return {name[at : at + 2] for name in names for at in range(len(name) - 1)}


@dataclass(frozen=True, slots=True)
class _Window:
    """The tokens of a part of a text; places are those of the whole text."""

    ids: list[int]  # token
    starts: list[int]  # token
    ends: list[int]  # token
    words: list[int | None]  # token: the pre-tokenizer's piece it belongs to
    names: list[str]  # token: as the vocabulary spells it
    text: str
    high: int  # where the window ends
    sizes: Sizes
    adjacent: LongTexts

    @property
    def ends_text(self) -> bool:
        return self.high == len(self.text)

    def start_of(self, token: int) -> int:
        return self.starts[token]

    def border_at(self, place: int) -> int | None:
        """The first token after a border at that place."""
        return next((at for at in range(1, len(self.ids)) if self.starts[at] == place and self._is_border(at)), None)

    def borders(self) -> Iterator[int]:
        """The tokens that follow a border at which the window may end, the last one first."""
        latest = self.high - self.sizes.after
        for at in range(len(self.ids) - 1, 0, -1):
            if self.starts[at] <= latest and self._is_border(at):
                yield at

    def tokens_from(self, first: int) -> list[tuple[int, int]]:
        """(id, place) of the tokens from `first` on that the end of the window can't have changed."""
        latest = self.high if self.ends_text else self.high - self.sizes.edge
        return [(self.ids[at], self.starts[at]) for at in range(first, len(self.ids)) if self.ends[at] <= latest]

    def _is_border(self, at: int) -> bool:
        place = self.starts[at]
        if not 0 < place < len(self.text) or self.ends[at - 1] > place:
            return False
        if self.text[place - 1].isalnum() and self.text[place].isalnum():  # within a run of letters or digits
            return False
        if self.words[at] != self.words[at - 1]:
            return True
        before, after = self.names[at - 1], self.names[at]
        if before.startswith(_BYTE_TOKEN) or after.startswith(_BYTE_TOKEN):
            return False
        return before[-1] + after[0] not in self.adjacent.pairs
