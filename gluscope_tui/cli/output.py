"""Writes data to stdout, notices and errors to stderr, cleaned."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import EBADF, ENOSPC
from typing import TextIO

import typer

from indexer.errors import GluscopeError

from ..text.clean import clean


def emit(pieces: Iterable[str]) -> None:
    """Write data to stdout as it comes.

    Ends the command quietly if the reader has gone away (`| head`). GluscopeError if stdout can't be written.
    """
    for piece in pieces:
        with _writing():
            sys.stdout.write(piece)
    with _writing():
        sys.stdout.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise typer.Exit from None
        raise GluscopeError(f"the output can't be written: {error.strerror}", _fix(error)) from None


def _fix(error: OSError) -> str:
    return {ENOSPC: "is its disk full?", EBADF: "is stdout closed?"}.get(error.errno or 0, "write it elsewhere")


def _give_up(stream: TextIO) -> None:
    """Discard what the stream still holds, so that Python does not fail to write it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def emit_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout, adding the newlines."""
    emit(f"{line}\n" for line in lines)


def tell(message: str) -> None:
    """Print one cleaned line on stderr."""
    narrate(f"{clean(message)}\n")


def narrate(text: str, stream: TextIO | None = None) -> None:
    """Write safe text to stderr, or to `stream`, at once.

    If that fails (a full disk, a reader that has gone away) the message is lost and the command goes on.
    """
    stream = sys.stderr if stream is None else stream
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        _give_up(stream)


def complain(error: GluscopeError) -> None:
    """Print the cause and the fix of an error, a line each."""
    tell(f"error: {error.cause}")
    if error.fix:
        tell(error.fix)
