"""Checks the terminal: its kind, how many colours and why, where copied text goes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping

from ..colour.depth import Depth, detect
from ..colour.ramp import ramp
from ..colour.style import StyledLine
from .finding import Finding

_LEAST = (40, 10)


def terminal(environment: Mapping[str, str], *, is_terminal: bool) -> Iterator[Finding]:
    """What the environment says about the terminal, tmux and ssh."""
    term = environment.get("TERM", "")
    yield Finding(
        "terminal", "TERM", term or "not set", "" if term not in ("", "dumb") else "set TERM to the terminal's type"
    )
    yield Finding("terminal", "COLORTERM", environment.get("COLORTERM") or "not set")
    size = shutil.get_terminal_size()
    small = size.columns < _LEAST[0] or size.lines < _LEAST[1]
    yield Finding(
        "terminal",
        "size",
        f"{size.columns}x{size.lines}",
        "make it 80x24 or larger, 120x40 is comfortable" if small else "",
    )
    yield Finding("terminal", "ssh", "yes" if environment.get("SSH_CONNECTION") else "no")
    yield Finding("terminal", "tmux", _tmux(environment))
    found = detect(environment=environment, terminal=is_terminal)
    yield Finding("terminal", "colours", f"{found.depth.value}: {found.why}", _more_colours(found.depth, environment))
    yield Finding("terminal", "clipboard", *_clipboard(environment))


def ramps(light: bool) -> Iterator[tuple[str, StyledLine]]:
    """The three ramps as strips, from the strongest negative to the strongest positive: all should look graded."""
    for depth in (Depth.TRUE, Depth.ANSI256, Depth.ANSI16):
        colours = ramp(depth, light=light)
        negative = tuple((" a", style) for style in reversed(colours.negative))
        positive = tuple((" a", style) for style in colours.positive)
        yield depth.value, (*negative, ("  0 ", type(colours.positive[0])()), *positive)


def _more_colours(depth: Depth, environment: Mapping[str, str]) -> str:
    if depth is Depth.ANSI256:
        return "if the 16 steps of the first strip look smooth: export COLORTERM=truecolor, or --color true"
    if depth is Depth.ANSI16:
        inside = 'in ~/.tmux.conf: set -g default-terminal "tmux-256color"' if environment.get("TMUX") else ""
        return inside or "if the second strip looks graded: use a TERM such as xterm-256color, or --color 256"
    return ""


def _tmux(environment: Mapping[str, str]) -> str:
    if not environment.get("TMUX"):
        return "no"
    return _ask("tmux", "-V") or "yes, but the command tmux can't be run"


def _clipboard(environment: Mapping[str, str]) -> tuple[str, str]:
    if not environment.get("TMUX"):
        return "OSC 52 to the terminal, and a file", ""
    setting = _ask("tmux", "show-options", "-gv", "set-clipboard") or _ask(
        "tmux", "show-options", "-sv", "set-clipboard"
    )
    route = f"OSC 52, tmux load-buffer -w (set-clipboard {setting or 'unknown'}), and a file"
    return route, "" if setting == "on" else "in ~/.tmux.conf: set -s set-clipboard on"


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=2, check=False, env=dict(os.environ))
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
