"""Copies a text by every way to the clipboard that this terminal offers, and always to a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...kept.files import state_folder, write_whole

OSC52_LIMIT = 74_000
"""The most bytes of base64 that terminals accept."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The ways by which a text was sent; whether the terminal took it can't be known."""

    osc52: bool
    tmux: bool | None  # None: not inside tmux
    file: Path | None
    problem: str = ""

    def notice(self) -> str:
        done = []
        if self.osc52:
            done.append("OSC 52 sent")
        if self.tmux:
            done.append("tmux buffer loaded")
        if self.file is not None:
            done.append(f"in {_home_relative(self.file)}")
        return ", ".join(done) + self.problem


def fits_osc52(text: str) -> bool:
    """Whether terminals accept a text of this length in base64."""
    return 4 * ((len(text.encode("utf-8", "replace")) + 2) // 3) <= OSC52_LIMIT


def copy(text: str, send: Callable[[str], None], environ: Mapping[str, str] | None = None) -> Copied:
    """Send the text to the terminal and to tmux, and write it to a file. `send` sends it as OSC 52."""
    environ = os.environ if environ is None else environ
    text = text.encode("utf-8", "replace").decode("utf-8")
    sent = fits_osc52(text)
    if sent:
        send(text)
    tmux = _to_tmux(text) if environ.get("TMUX") else None
    path = state_folder() / "copied.txt"
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        return Copied(sent, tmux, None, f"; no file: {error.strerror}")
    return Copied(sent, tmux, path)


def _to_tmux(text: str) -> bool:
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _home_relative(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)
