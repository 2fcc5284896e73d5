"""The gated MLPs of a model: where gate, in and the down projection are. Refuses what it doesn't know."""

from __future__ import annotations

from .body import is_encoder_decoder, text_body
from .find import find_sites
from .site import Site, select

__all__ = ["Site", "find_sites", "is_encoder_decoder", "select", "text_body"]
