"""Rewords the messages of the command-line parser as cause and fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from indexer.errors import GluscopeError

Said = Callable[[re.Match[str], str], tuple[str, str]]


def mendable(message: str, command: str | None, commands: Sequence[str]) -> GluscopeError:
    """The parser's message in our words, or as it is if we don't know it. `command`: the one that was asked for."""
    see = f"see gluscope {command} --help" if command else "see gluscope --help"
    if unknown := re.match(r"No such command '(.*?)'\.", message):
        near = get_close_matches(unknown[1], commands, n=1)
        return GluscopeError(f"unknown command {unknown[1]!a}", f"did you mean {near[0]}?" if near else see)
    for pattern, said in _SAYINGS:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            cause, fix = said(match, see)
            return GluscopeError(cause, fix)
    return GluscopeError(message, see)


def _choice(match: re.Match[str], see: str) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", match[3])
    if not choices:
        return f"{match[1]}: invalid value {match[2]!a}", see
    return f"{match[1]}: invalid value {match[2]!a}", f"use {', '.join(choices)}"


_OPTION = r"Invalid value for '([^']*)'(?: / '[^']*')*: "
_SAYINGS: tuple[tuple[str, Said], ...] = (
    (
        r"No such option: (\S+) \((?:Did you mean|Possible options:) (--[\w-]+).*\)",
        lambda match, _: (f"unknown option {match[1]}", f"did you mean {match[2]}?"),
    ),
    (r"No such option: (.+)", lambda match, see: (f"unknown option {match[1]}", see)),
    (r"Missing argument '(.+)'\.", lambda match, see: (f"{match[1]} is missing", see)),
    (r"Missing option '([^']+)'.*", lambda match, see: (f"{match[1]} is missing", see)),
    (r"Option '(.+)' requires an argument\.", lambda match, see: (f"{match[1]} needs a value", see)),
    (r"Option '(.+)' does not take a value\.", lambda match, see: (f"{match[1]} takes no value", see)),
    (
        r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)",
        lambda match, see: (f"unexpected argument: {match[1]}", see),
    ),
    (_OPTION + r".*?'(.*?)' is not one of (.*)", _choice),
    (
        _OPTION + r".*(?:greater than or equal to|x>=) ?(-?[\d.]+).*",
        lambda match, _: (f"{match[1]} is too small", f"give {match[2]} or more"),
    ),
    (
        _OPTION + r".*less than or equal to (-?[\d.]+).*",
        lambda match, _: (f"{match[1]} is too large", f"give {match[2]} or less"),
    ),
    (_OPTION + r".*valid integer.*", lambda match, _: (f"{match[1]} takes a whole number", f"write {match[1]} 20")),
    (_OPTION + r".*valid number.*", lambda match, _: (f"{match[1]} takes a number", f"write {match[1]} 20")),
    (_OPTION + r"(?:Value error, )?(.*)", lambda match, see: (f"{match[1]}: {match[2]}", see)),
)
"""Patterns of the parser's messages and what each becomes, special patterns first."""
