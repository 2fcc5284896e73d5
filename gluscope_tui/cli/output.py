"""Where commands write: data to stdout, narration and complaints to stderr, cleaned."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from indexer.errors import GluscopeError

from ..text.clean import clean


def emit(pieces: Iterable[str]) -> None:
    """Write data to stdout as it comes.

    Ends the command quietly where the reader has gone away (`| head`); GluscopeError where stdout can't be written.
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
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # so that nothing is left to complain about at exit
        if isinstance(error, BrokenPipeError):
            raise typer.Exit from None
        raise GluscopeError(f"the output can't be written: {error.strerror}", "is its disk full?") from None


def emit_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout, each with its end."""
    emit(f"{line}\n" for line in lines)


def tell(message: str) -> None:
    """One line for the person at the terminal; what came from outside in it is made safe."""
    print(clean(message), file=sys.stderr, flush=True)


def complain(error: GluscopeError) -> None:
    """The cause and the fix of an error, a line each."""
    tell(f"error: {error.cause}")
    if error.fix:
        tell(error.fix)
