"""What a window's script and its explorer say to each other: messages of one become packets of the other."""

from __future__ import annotations

import json
from typing import Any

_LARGEST = 1000  # columns or rows of a window
_SMALLEST = 2


def packet(kind: bytes, payload: bytes) -> bytes:
    """A packet for the explorer: `D` for what is typed, `M` for anything else."""
    return kind + len(payload).to_bytes(4, "big") + payload


def meta(**told: Any) -> bytes:
    """A packet that is not typed."""
    return packet(b"M", json.dumps(told).encode())


def size_of(width: Any, height: Any) -> tuple[int, int]:
    """The size of a window in cells, of what its script says; 80 x 24 for anything that is no number."""
    return _cells(width, 80), _cells(height, 24)


def _cells(value: Any, usual: int) -> int:
    try:
        return min(max(int(value), _SMALLEST), _LARGEST)
    except (TypeError, ValueError, OverflowError):
        return usual


def of_message(text: str) -> bytes | None:
    """The packet for a message of the window's script; None for a message that asks nothing of the explorer."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match said:
        case ["stdin", str(typed)]:
            return packet(b"D", typed.encode("utf-8", "replace"))
        case ["resize", {"width": width, "height": height}]:
            columns, rows = size_of(width, height)
            return meta(type="resize", width=columns, height=rows)
        case ["focus" | "blur" as kind, *_]:
            return meta(type=kind)
    return None
