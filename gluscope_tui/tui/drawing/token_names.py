"""The name of a token shown alone: its text, or the character that it continues."""

from __future__ import annotations

from collections.abc import Sequence

from ...text.cells import fit, shorten


def token_name(tokens: Sequence[str], at: int, width: int, *, ascii_only: bool = False) -> tuple[str, bool]:
    """A token's cleaned text in at most `width` cells, and whether it has text of its own.

    A token that continues a character split over tokens has no text of its own: it is named after that character.
    """
    if tokens[at]:
        return shorten(tokens[at], width, ascii_only=ascii_only), True
    owner = next((token for token in reversed(tokens[:at]) if token), "")
    character = shorten(owner[-1:], 8, ascii_only=ascii_only)
    for words in (f"(rest of {character})", f"({character})"):
        if owner and len(words) + 1 <= width:
            return words, False
    return fit("(rest)", min(width, 6)), False
