"""The results: a JSON file for each benchmark, with its date, command and machine."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def write(name: str, command: str, figures: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write the figures of a benchmark to NAME.json, replacing older ones. Returns the file's path."""
    file = folder / f"{name}.json"
    facts = {"date": date.today().isoformat(), "command": command, "machine": machine()}
    file.write_text(json.dumps({**facts, **figures}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def read(name: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The figures of a benchmark; None if it was not measured."""
    file = folder / f"{name}.json"
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def machine() -> str:
    """The processor's name and the number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
