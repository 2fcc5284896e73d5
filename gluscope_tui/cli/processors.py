"""How the commands that run a model share the processors."""

from __future__ import annotations

import os


def let_workers_sleep() -> None:
    """Have the threads of torch sleep between two operations, unless OMP_WAIT_POLICY says otherwise.

    To be called before torch is imported. By default they spin for some milliseconds after every operation, on the
    processors on which rankings are filled meanwhile.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
