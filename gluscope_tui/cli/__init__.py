"""The command line: a thin shell over `indexer` and the views. A module a command."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
