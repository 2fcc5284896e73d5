"""The user's cache folder, where gluscope keeps what it fetched or compiled."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path


def cache_folder() -> Path:
    """Where gluscope keeps what it fetched: $XDG_CACHE_HOME/gluscope, else ~/.cache/gluscope."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "gluscope"


def demo_path(model: str | None = None) -> Path:
    """Where the demo's index is kept; another model's demo has a file of its own."""
    if model is None:
        return cache_folder() / "demo.db"
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(model).name).strip("-.")[:60]
    return cache_folder() / f"demo-{slug}-{hashlib.blake2b(model.encode(), digest_size=3).hexdigest()}.db"
