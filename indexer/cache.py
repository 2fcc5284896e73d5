"""The user's cache folder, where gluscope keeps what it fetched or compiled."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where gluscope keeps what it fetched: $XDG_CACHE_HOME/gluscope, else ~/.cache/gluscope."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "gluscope"
