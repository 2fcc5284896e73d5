"""How many colours the terminal shows, and the reason for that choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from indexer.errors import GluscopeError


class Depth(Enum):
    """The escape sequences that may be written to the terminal, from least to most."""

    PLAIN = "plain text"  # no escape sequence at all
    NONE = "no colour"  # bold, underline and reverse only
    ANSI16 = "16 colours"
    ANSI256 = "256 colours"
    TRUE = "truecolor"


@dataclass(frozen=True, slots=True)
class Detection:
    """A depth, and the rule that chose it."""

    depth: Depth
    why: str


_FIXED = {"16": Depth.ANSI16, "256": Depth.ANSI256, "true": Depth.TRUE}
CHOICES = ("auto", "always", "never", "none", *_FIXED)
"""What `--color` accepts: `never` writes no escape sequence, `none` writes attributes without colour."""
_TRUECOLOR_TERMS = ("kitty", "foot", "alacritty", "wezterm", "ghostty")


def detect(
    option: str | None = None,
    config: str | None = None,
    *,
    environment: Mapping[str, str],
    terminal: bool = True,
) -> Detection:
    """The depth by `--color`, then the configuration, NO_COLOR, COLORTERM, a known TERM, and Rich's rule.

    Raises GluscopeError for a choice that does not exist.
    """
    for choice, source in ((option, "--color"), (config, "the configuration")):
        if choice is None or choice == "auto":
            continue
        if choice not in CHOICES:
            raise GluscopeError(f"{source}: unknown choice of colour {choice!a}", f"use {', '.join(CHOICES)}")
        return _chosen(choice, source, environment)
    if not terminal:
        return Detection(Depth.PLAIN, "the output is not a terminal")
    return _of_terminal(environment)


def _chosen(choice: str, source: str, environment: Mapping[str, str]) -> Detection:
    if choice == "never":
        return Detection(Depth.PLAIN, f"{source} never")
    if choice == "none":
        return Detection(Depth.NONE, f"{source} none")
    if choice in _FIXED:
        return Detection(_FIXED[choice], f"{source} {choice}")
    found = _of_terminal({**environment, "NO_COLOR": ""})
    if found.depth is Depth.PLAIN:
        return Detection(Depth.ANSI256, f"{source} always, on an unknown terminal")
    return Detection(found.depth, f"{source} always, {found.why}")


def _of_terminal(environment: Mapping[str, str]) -> Detection:
    term = environment.get("TERM", "").strip().lower()
    if term in ("dumb", "unknown", ""):
        return Detection(Depth.PLAIN, f"TERM={term}" if term else "TERM is not set")
    if environment.get("NO_COLOR"):
        return Detection(Depth.NONE, "NO_COLOR is set")
    if environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return Detection(Depth.TRUE, f"COLORTERM={environment['COLORTERM'].strip().lower()}")
    if term.endswith("-direct") or any(name in term for name in _TRUECOLOR_TERMS):
        return Detection(Depth.TRUE, f"TERM={term} is known for truecolor")
    if term.endswith("256color"):
        return Detection(Depth.ANSI256, f"TERM={term}")
    return Detection(Depth.ANSI16, f"TERM={term} says nothing of more than 16 colours")


def light_background(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says, through COLORFGBG, that its background is light; most say nothing and are dark."""
    last = environment.get("COLORFGBG", "").rpartition(";")[2]
    return last.isdigit() and int(last) in (7, *range(9, 16))
