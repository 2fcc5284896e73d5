"""Tokens as cleaned, measured pieces of a line; each piece knows the tokens that share it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from .clean import BLANK, NEWLINE, TAB, clean

_BLANK = " \t\n\r\x0b\x0c\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_RUNS = re.compile(f"[{_BLANK}]+|[^{_BLANK}]+")
_IS_BLANK = re.compile(f"[{_BLANK}]+")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_NO_BASE = "◌"  # carries a combining mark that has nothing to stand on


@dataclass(slots=True)
class Piece:
    """A stretch of cells that belongs to the tokens `first` to `last` (most often one token)."""

    text: str
    first: int
    last: int
    width: int  # cells
    sliceable: bool  # plain ASCII: may be cut between any two characters
    blanks: str = ""  # the blanks that `text` stands for, if it stands for blanks

    def belongs_to(self, token: int) -> bool:
        return self.first <= token <= self.last


def pieces(
    tokens: Sequence[str], peak: int | None = None, *, collapse: bool = True, ascii_only: bool = False
) -> list[Piece]:
    """The pieces of the tokens, in order; together they show every token.

    A token that is "" (a later part of a character) or that only combines with the text before it shares the
    cells of the character it belongs to. With `collapse` a run of blanks or newlines is one stand-in, also across
    tokens, but the peak always has cells of its own.
    """
    out: list[Piece] = []
    apart = _peak_and_owner(tokens, peak)
    waiting: int | None = None  # an empty token before the first character
    for index, token in enumerate(tokens):
        if not token:
            if out:
                _share_last(out, index)
            elif waiting is None:
                waiting = index
        elif token.isascii() and token.isprintable() and (not collapse or "  " not in token) and not token.isspace():
            out.append(Piece(token, index, index, len(token), True))
        elif collapse and out and _IS_BLANK.fullmatch(token) and _continues(out[-1], index, apart):
            _lengthen(out[-1], token, index, ascii_only)
        else:
            _add(out, token, index, collapse, ascii_only)
        if waiting is not None and out:
            out[0].first, waiting = waiting, None
    return out


def _peak_and_owner(tokens: Sequence[str], peak: int | None) -> range:
    """The peak, and the tokens back to the one whose character it shares: none of them joins a run of blanks."""
    if peak is None:
        return range(0)
    owner = peak
    while owner and (not tokens[owner] or cell_len(clean(tokens[owner][0])) == 0):
        owner -= 1
    return range(owner, peak + 1)


def _continues(piece: Piece, index: int, apart: range) -> bool:
    return bool(piece.blanks) and index not in apart and not any(piece.belongs_to(token) for token in apart)


def _lengthen(piece: Piece, blanks: str, index: int, ascii_only: bool) -> None:
    piece.blanks += blanks
    piece.text = _stand_in(piece.blanks, ascii_only)
    piece.width = cell_len(piece.text)
    piece.last = index


def _add(out: list[Piece], token: str, index: int, collapse: bool, ascii_only: bool) -> None:
    for run in _RUNS.findall(token):
        if collapse and _IS_BLANK.match(run):
            text = _stand_in(run, ascii_only)
            out.append(Piece(text, index, index, cell_len(text), False, run))
            continue
        for character in run:
            text = clean(character, ascii_only=ascii_only)
            width = cell_len(text)
            if width:
                out.append(Piece(text, index, index, width, False, character if _IS_BLANK.fullmatch(character) else ""))
            elif out:
                _share_last(out, index)
                out[-1].text += text
            else:
                out.append(Piece(_NO_BASE + text, index, index, 1, False))


def _share_last(out: list[Piece], index: int) -> None:
    """Let the token have a share in the last character."""
    piece = out[-1]
    if piece.last == index and not piece.sliceable:
        return
    if piece.sliceable:
        if len(piece.text) > 1:
            out[-1] = Piece(piece.text[:-1], piece.first, piece.last, piece.width - 1, True)
            out.append(Piece(piece.text[-1], piece.last, index, 1, False))
            return
        piece.sliceable = False
    piece.last = index


def _stand_in(blanks: str, ascii_only: bool) -> str:
    if blanks == " ":
        return " "
    if "\n" in blanks:
        return "\\n" if ascii_only else NEWLINE
    if "\t" in blanks:
        return "\\t" if ascii_only else TAB
    stand_in = "_" if ascii_only else BLANK
    return stand_in if len(blanks) == 1 else f"{stand_in}{len(blanks) if ascii_only else _raised(len(blanks))}"


def _raised(count: int) -> str:
    """A number in raised digits, which no text of a corpus is taken for."""
    return str(count).translate(_RAISED)
