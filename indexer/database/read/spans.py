"""The text of a window of tokens: which characters it shows, and which token each belongs to. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

BLOCK = 4096  # bytes decoded at a time: an invalid byte costs a copy of its block
REACH = 3
"""A character has at most four bytes, so three on either side of a window complete the characters at its edges."""


def window_text(before: Sequence[bytes], window: Sequence[bytes], after: Sequence[bytes] = ()) -> tuple[str, ...]:
    """The text of every token of a window; joined, they are the window's text.

    A character belongs to the token that holds its first byte; its later tokens are "". `before` and `after` are the
    bytes around the window in the sequence; only the nearest three matter. They complete a character that an edge of
    the window cuts. It belongs to the first or last token of the window that holds a part of it. Each maximal invalid
    part of a character, as Unicode defines it, becomes one U+FFFD.
    """
    left = b"".join(before)[-REACH:]
    inner = b"".join(window)
    data = left + inner + b"".join(after)[:REACH]
    start, stop = len(left), len(left) + len(inner)
    ends: list[int] = []
    end = start
    for token in window:
        end += len(token)
        ends.append(end)

    texts = [""] * len(window)
    holder = 0
    place = _boundary(data, start)
    for character, size in _characters(data[place:]):
        if place >= stop:
            break
        if max(place, start) < min(place + size, stop):
            while ends[holder] <= max(place, start):
                holder += 1
            texts[holder] += character
        place += size
    return tuple(texts)


NEAR = 16
"""Tokens on either side of a peak that determine how the peak is shown."""


def peak_texts(tokens: Sequence[bytes], peak: int) -> tuple[str, ...]:
    """The texts that find a peak: its token's, and the text between its marks if that is longer.

    `tokens` are the peak's and its neighbours', NEAR on either side or up to the ends of the sequence. A token that
    begins in the middle of a character, or with a combining mark, is shown with the whole character; so is a token
    followed by such a token.
    """
    texts = window_text((), tokens)
    first, marked = peak, texts[peak]
    while first and (not marked or combines(marked[0])):
        first -= 1
        marked = texts[first] + marked
    if first < peak and texts[first]:
        base = len(texts[first]) - 1
        while base and combines(texts[first][base]):
            base -= 1
        marked = marked[base:]
    for text in texts[peak + 1 :]:
        combining = next((place for place, character in enumerate(text) if not combines(character)), len(text))
        marked += text[:combining]
        if combining < len(text):
            break
    return tuple(dict.fromkeys(text for text in (texts[peak], marked) if text))


def combines(character: str) -> bool:
    """Whether a character is drawn into the cells of the one before it."""
    if character < "\u0300":
        return False
    return (
        unicodedata.category(character)[0] == "M"
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of Hangul
        or "\ud7b0" <= character <= "\ud7ff"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
    )


def _boundary(data: bytes, start: int) -> int:
    """The place at which the character of the byte at `start` begins, or an earlier one."""
    for place in range(start, max(-1, start - REACH - 1), -1):
        if place < len(data) and data[place] & 0xC0 != 0x80:  # only the first byte of a character is not a continuation
            return place
    return start


def _characters(data: bytes) -> Iterator[tuple[str, int]]:
    """The characters that bytes decode to, with the number of bytes each was made of."""
    place = 0
    while place < len(data):
        stop = len(data) if len(data) - place <= BLOCK else _boundary(data, place + BLOCK)
        try:
            text, invalid = data[place:stop].decode(), 0
        except UnicodeDecodeError as error:
            text, invalid = data[place : place + error.start].decode(), error.end - error.start
        for character in text:
            size = len(character.encode())
            place += size
            yield character, size
        if invalid:
            place += invalid
            yield "\ufffd", invalid
