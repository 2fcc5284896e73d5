"""The gated MLPs of a model: where gate, in and the down projection are. Refuses what it doesn't know."""

from __future__ import annotations

from .find import find_sites, text_body
from .site import Site, select

__all__ = ["Site", "find_sites", "select", "text_body"]
