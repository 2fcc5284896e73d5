"""The border to libraries that read files of others: their errors become a cause and a fix in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import GluscopeError

_PANIC = "PanicException"  # what libraries in Rust raise for a fault of their own: no Exception to Python
_LONGEST = 240  # characters of a library's message that are shown


@contextmanager
def told(cause: str, fix: str) -> Iterator[None]:
    """Within the context, an exception of a library becomes a GluscopeError: `cause`, what the library said, `fix`.

    The original is its `__cause__`. Errors that are already in plain words pass, and so do interruptions.
    """
    try:
        yield
    except GluscopeError:
        raise
    except ImportError as error:
        raise GluscopeError(f"{cause}: {said(error)}", "install what is named there, or use another model") from error
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == _PANIC:
            raise GluscopeError(f"{cause}: {said(error)}", fix) from error
        raise


def said(error: BaseException) -> str:
    """The first line of an error's message, fit for a line of a terminal; with its type where that says more."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    if isinstance(error, RecursionError):
        text = "it is nested too deeply"
    elif not text:
        text = type(error).__name__
    elif isinstance(error, (KeyError, IndexError, AttributeError, TypeError)):
        text = f"{type(error).__name__}: {text}"
    return in_a_line(text)


def in_a_line(text: str) -> str:
    """A text of others, cut to a line's length and without characters that steer a terminal."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
