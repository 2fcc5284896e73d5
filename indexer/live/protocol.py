"""The lines between the explorer and the process that runs a model: one JSON object each, numbered by the asker.

    {"id": 3, "do": "prompt", "text": "Hello"}          a request; what else it takes: see `requests`
    {"id": 3, "progress": {"message": "...", "done": 1, "total": 9, "seconds_left": 4.2}}
    {"id": 3, "notice": "..."}
    {"id": 3, "ok": {...}}                              the answer: the last line with that id, or instead of it
    {"id": 3, "error": {"cause": "...", "fix": "..."}}  what went wrong, or
    {"id": 3, "cancelled": true}
    {"id": 4, "do": "cancel", "request": 3}             has no answer of its own; so has {"id": 5, "do": "bye"}

The process ends after `bye` and as soon as its input ends.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import GluscopeError
from ..progress import Progress

VERSION = 1
LONGEST = 1 << 24
"""Bytes of a line."""


def encode(message: dict[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of a line; ValueError if it is none."""
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict) or type(found.get("id")) is not int:
        raise ValueError("it has no number")
    return found


def error(id_: int, told: GluscopeError) -> dict[str, Any]:
    """An error as a message."""
    return {"id": id_, "error": {"cause": told.cause, "fix": told.fix}}


def report(id_: int, progress: Progress) -> dict[str, Any]:
    """A report as a message."""
    if progress.phase == "notice":
        return {"id": id_, "notice": progress.message}
    left = progress.seconds_left
    said = {"message": progress.message or progress.phase, "done": progress.done, "total": progress.total}
    return {"id": id_, "progress": {**said, "seconds_left": None if left is None else round(left, 1)}}
