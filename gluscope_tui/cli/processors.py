"""How commands that run a model share the processors."""

from __future__ import annotations

import os


def let_workers_sleep() -> None:
    """Let torch's threads sleep between operations, unless OMP_WAIT_POLICY says otherwise.

    Call it before torch is imported. By default the threads spin for some milliseconds after every operation, on
    processors that are filling rankings.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
