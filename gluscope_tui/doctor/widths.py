"""Checks that the terminal's character widths are those of the layout, by asking for the cursor's position."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator

from ..text.cells import cell_len
from .finding import Finding

SAMPLES = {
    "CJK": "日本語",
    "combining accent": "e\u0301",
    "emoji": "🙂",
    "emoji family": "👩\u200d👩\u200d👧",
    "flag": "🇫🇷",
    "right-to-left": "שלום",
    "frame": "▸│─┬┼⋮⇄",
    "stand-ins": "↵→␣␛⟨⟩…",
    "bars": "▁▂▃▄▅▆▇█",
}
_ANSWER = re.compile(rb"\x1b\[(\d+);(\d+)R")
_PATIENCE = 0.5


def widths(measure: Callable[[str], int | None] | None = None) -> Iterator[Finding]:
    """The samples whose width differs in the terminal; one finding if all agree or the terminal can't be asked."""
    with_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
    if measure is None and not with_terminal:
        yield Finding("widths", "asked", "no: not a terminal")
        return
    wrong = 0
    for name, sample in SAMPLES.items():
        seen = (measure or ask_terminal)(sample)
        if seen is None:
            yield Finding("widths", "asked", "the terminal does not tell where its cursor is", "try it outside of tmux")
            return
        if seen != cell_len(sample):
            wrong += 1
            yield Finding("widths", name, f"{seen} cells, counted as {cell_len(sample)}", "gluscope tui --ascii")
    if not wrong:
        yield Finding("widths", "agree", f"all {len(SAMPLES)} samples")


def ask_terminal(sample: str) -> int | None:
    """How many cells the terminal's cursor moves for a text; None if the terminal does not answer."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        os.write(sys.stdout.fileno(), b"\r" + sample.encode() + b"\x1b[6n")
        answer = _read_answer(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        os.write(sys.stdout.fileno(), b"\r\x1b[K")
    found = _ANSWER.search(answer)
    return None if found is None else int(found[2]) - 1


def _read_answer(descriptor: int) -> bytes:
    answer, until = b"", time.monotonic() + _PATIENCE
    while _ANSWER.search(answer) is None and (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            answer += os.read(descriptor, 64)
    return answer
