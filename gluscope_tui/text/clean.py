"""The one place where text from outside becomes safe to write to a terminal."""

from __future__ import annotations

BLANK = "␣"
"""Stands for one blank that is not the plain space; with raised digits, for a run of blanks."""
NEWLINE = "↵"
TAB = "→"

# Printable to Python, yet drawn as nothing: fillers and variation selectors (the default-ignorable code points).
_FILLERS = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0)
_INVISIBLE = frozenset((*_FILLERS, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
_BLANKS = frozenset((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000))


def clean(text: str, *, ascii_only: bool = False) -> str:
    """The text as a terminal may show it: every character of the result is printable and has a definite width.

    Newlines become ↵, tabs →, other blanks than the plain one ␣, C0 controls and DEL their pictures (␛); format
    characters, C1 controls, bidi controls, variation selectors, separators, unassigned and private characters
    become visible codes (⟨202E⟩), lone surrogates U+FFFD. With `ascii_only` the result is ASCII: \\n, \\t, <E9>.
    Each character is replaced on its own: clean(a + b) == clean(a) + clean(b).
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_ASCII if ascii_only else _VISIBLE)


def _visible(code: int) -> str:
    if code == 0x0A:
        return NEWLINE
    if code == 0x09:
        return TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code in _BLANKS:
        return BLANK
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    character = chr(code)
    if code in _INVISIBLE or not character.isprintable():
        return f"⟨{code:02X}⟩"
    return character


def _ascii(code: int) -> str:
    if code == 0x0A:
        return "\\n"
    if code == 0x09:
        return "\\t"
    if 0x20 <= code < 0x7F:
        return chr(code)
    return f"<{code:02X}>"


class _VisibleTable(dict[int, str]):
    """A table for str.translate that is filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        self[code] = stand_in = _visible(code)
        return stand_in


class _AsciiTable(dict[int, str]):
    def __missing__(self, code: int) -> str:
        self[code] = stand_in = _ascii(code)
        return stand_in


_VISIBLE = _VisibleTable()
_ASCII = _AsciiTable()
