"""Bytes to text: byte order marks, and the refusal of files that aren't text, with the place of the first fault."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterator
from typing import IO, Any

from .errors import GluscopeError

HEAD = 8192
"""Bytes at the start of a file by which its encoding, and whether it is text, are judged."""

_MARKS = (  # UTF-32 first: its little-endian mark starts with the mark of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXT_CONTROLS = b"\a\b\t\n\v\f\r\x1b"
_NOT_CONTROLS = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F) + _TEXT_CONTROLS
_CONTROLS_ALLOWED = 16  # a text may hold a NUL, but a file that is mostly controls is not text
_ODD_ALLOWED = 0.1  # of the characters at the start of a wide text
_BLOCK = 1 << 14
_FIX = "leave it out, or convert it to UTF-8 (iconv -f latin1 -t utf-8)"


class NotTextError(GluscopeError):
    """A file isn't text; a folder's walk passes over such files."""

    reason = "not text"


class NotUtf8Error(NotTextError):
    """A file is text, to all appearances, in another encoding."""

    reason = "text that is not UTF-8 (iconv -f latin1 -t utf-8 converts it)"


def refuse_binary(head: bytes, label: str) -> None:
    """Raise NotTextError if a file starts like an archive or with more than 30 % control bytes.

    A mark of UTF-16 or UTF-32 is no proof: what follows must be characters of it, nearly all of them assigned.
    """
    if encoding := wide_encoding(head):
        _refuse_wide_binary(head, encoding, label)
        return
    controls = len(head.translate(None, _NOT_CONTROLS))
    if head[257:262] == b"ustar" or (controls > _CONTROLS_ALLOWED and controls > 0.3 * len(head)):
        raise NotTextError(
            f"{label} is a binary file, not text ({controls} control bytes in its first {len(head)})", _FIX
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise _not_utf8(label, head, error, 0) from None


def _refuse_wide_binary(head: bytes, encoding: str, label: str) -> None:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
        odd = sum(_is_odd(character) for character in text)
        if odd <= _ODD_ALLOWED * len(text):
            return
        found = f"{odd} of its first {len(text)} characters are none of a text"
    except UnicodeDecodeError as error:
        found = f"byte 0x{head[error.start]:02x} at offset {error.start} fits none"
    raise NotTextError(f"{label} begins with the mark of {encoding.upper()}, but is not such text: {found}", _FIX)


def _is_odd(character: str) -> bool:
    """Whether a character is a control that texts don't have, or one that Unicode doesn't define."""
    kind = unicodedata.category(character)
    return kind in ("Cn", "Co") or (kind == "Cc" and character.encode() not in _TEXT_CONTROLS)


def wide_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark names, if it isn't UTF-8."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def decode(data: bytes, label: str) -> str:
    """A whole text without its byte order mark, newlines as they are; NotTextError names the first bad byte."""
    encoding = wide_encoding(data)
    skipped = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    try:
        return data.decode(encoding) if encoding else data[skipped:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(label, data[skipped:], error, skipped, encoding or "utf-8") from None


def whole_text(stream: IO[bytes], label: str) -> str:
    """All of a text; GluscopeError if it is not text, as its first bytes may tell, or does not fit into memory."""
    try:
        head = stream.read(HEAD)
        refuse_binary(head, label)
        return decode(head + stream.read(), label)
    except MemoryError:
        raise GluscopeError(
            f"{label} does not fit into memory as one document",
            "split it, or write it as JSON lines",
        ) from None


def lines(stream: io.BufferedReader[Any], head: bytes, label: str) -> Iterator[str]:
    """The lines of a text, split at newlines only and with them; NotTextError names the line and the byte."""
    if encoding := wide_encoding(head):
        yield from _wide_lines(stream, encoding, label)
        return
    start = 0
    for number, line in enumerate(stream, 1):
        skipped = len(codecs.BOM_UTF8) if number == 1 and line.startswith(codecs.BOM_UTF8) else 0
        try:
            yield line[skipped:].decode("utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(f"{label}, line {number}", line[skipped:], error, start + skipped) from None
        start += len(line)


def blocks(stream: io.BufferedReader[Any], head: bytes, label: str) -> Iterator[str]:
    """A text in pieces of bounded size, without its byte order mark; NotTextError names the first bad byte."""
    encoding = wide_encoding(head)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8-sig")()
    start = 0
    while True:
        data = stream.read(_BLOCK)
        held = decoder.getstate()[0]
        try:
            yield decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise _not_utf8(label, held + data, error, start - len(held), encoding or "utf-8") from None
        start += len(data)
        if not data:
            return


def _wide_lines(stream: io.BufferedReader[Any], encoding: str, label: str) -> Iterator[str]:
    number = 0
    try:
        for line in io.TextIOWrapper(stream, encoding=encoding, newline="\n"):
            number += 1
            yield line
    except UnicodeDecodeError as error:
        raise NotTextError(
            f"{label} is not valid {encoding.upper()} after line {number}: {error.reason}", _FIX
        ) from None


def _not_utf8(label: str, data: bytes, error: UnicodeDecodeError, offset: int, encoding: str = "utf-8") -> NotTextError:
    byte = data[error.start]
    kind = NotTextError if data.translate(None, _NOT_CONTROLS) else NotUtf8Error
    return kind(f"{label} is not {encoding.upper()} text: byte 0x{byte:02x} at offset {offset + error.start}", _FIX)
