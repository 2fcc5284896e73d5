"""Opens closed standard streams before a command runs, and reads stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any

from indexer.errors import GluscopeError

_MODES = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)


def open_closed_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed.

    Reading stdin or writing stdout then raises OSError, as it should, and stderr discards what it is given. If the
    descriptors stayed free, the next file to be opened, such as the index, would get one of them.
    """
    for descriptor, mode in enumerate(_MODES):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


class Unheard(FileIO):
    """A stream to write to whose errors nobody hears: what can't be written is lost.

    Libraries write to stderr by themselves, such as a bar while weights are loaded, and would end the command.
    """

    def write(self, data: Any, /) -> int:
        """Write all that the stream takes; what it does not take counts as written."""
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) or len(left) :]
        except OSError:
            pass
        return len(data)


def muffle_stderr() -> None:
    """Let nothing that fails to be written to this process's stderr stop it."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    raw: Any = Unheard(2, "wb", closefd=False)
    # Without a buffer: one keeps what it was writing when Ctrl-C came, and writes it again.
    sys.stderr = TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True, write_through=True)


def stdin_lines() -> Iterator[str]:
    """The lines of stdin as UTF-8, without a byte-order mark; a byte that is not UTF-8 becomes U+FFFD.

    GluscopeError where stdin can't be read.
    """
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    try:
        for number, line in enumerate(sys.stdin):
            yield line if number else line.removeprefix("\ufeff")
    except OSError as error:
        raise GluscopeError(f"stdin can't be read: {error.strerror}", "pipe something into the command") from None


def stdin_text() -> str:
    """All of stdin, as indexing reads a text. GluscopeError if it can't be read or is not text."""
    from indexer.decoding import whole_text

    try:
        return whole_text(sys.stdin.buffer, "stdin")
    except OSError as error:
        raise GluscopeError(f"stdin can't be read: {error.strerror}", "pipe a text into the command") from None


def file_text(path: Path) -> str:
    """All of a file, as indexing reads a text. GluscopeError if it can't be read or is not text."""
    from indexer.decoding import whole_text

    try:
        with path.open("rb") as file:
            return whole_text(file, str(path))
    except OSError as error:
        raise GluscopeError(f"{path} can't be read: {error.strerror}", "check the path and its permissions") from None
