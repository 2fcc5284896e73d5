"""The one error class for everything that a user can fix."""

from __future__ import annotations


class GluscopeError(Exception):
    """An error that the user can fix: gives the cause and the fix, one line each.

    The command line prints both without a traceback and exits with code 2; the TUI shows them.
    """

    def __init__(self, cause: str, fix: str = "") -> None:
        super().__init__(cause if not fix else f"{cause}\n{fix}")
        self.cause = cause
        self.fix = fix


class MissingPart(GluscopeError):
    """The index lacks a part that the shell command `command` adds to it."""

    def __init__(self, cause: str, command: str) -> None:
        super().__init__(cause, f"add it: {command}")
        self.command = command
