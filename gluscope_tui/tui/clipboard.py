"""Copying: every way to the clipboard that this terminal offers, and always a file; says what was done."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .files import state_folder, write_whole

OSC52_LIMIT = 74_000
"""Bytes of base64 that terminals take at most."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was done with a text, way by way; nobody can know what the terminal made of it."""

    osc52: bool
    tmux: bool | None  # None: not inside tmux
    file: Path | None
    problem: str = ""

    def notice(self) -> str:
        done = []
        if self.osc52:
            done.append("sent to the terminal (OSC 52)")
        if self.tmux:
            done.append("put into tmux's buffer")
        if self.file is not None:
            done.append(f"written to {_home_relative(self.file)}")
        return "; ".join(done) + self.problem


def osc52(text: str) -> str:
    """The sequence that asks a terminal to take the text, or "" where it is too long for one."""
    packed = base64.b64encode(text.encode("utf-8", "replace"))
    return "" if len(packed) > OSC52_LIMIT else f"\x1b]52;c;{packed.decode('ascii')}\a"


def copy(text: str, send: Callable[[str], None], environ: Mapping[str, str] | None = None) -> Copied:
    """Send the text to the terminal and to tmux, and write it to a file. `send` writes to the terminal."""
    environ = os.environ if environ is None else environ
    sequence = osc52(text)
    if sequence:
        send(sequence)
    tmux = _to_tmux(text) if environ.get("TMUX") else None
    path = state_folder() / "copied.txt"
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        return Copied(bool(sequence), tmux, None, f"; no file: {error.strerror}")
    return Copied(bool(sequence), tmux, path)


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
