"""Decodes typed bytes in the terminal's own encoding; an invalid byte must not end the explorer.

Textual (8.2) decodes strict UTF-8, so an é typed in an ISO-8859-1 terminal, or a key with an eight-bit Alt, would end
its input thread with a traceback. The only way in is the name by which its driver finds the decoder.
"""

from __future__ import annotations

import codecs
import sys
from functools import partial
from typing import Any

from textual.drivers import linux_driver

from ...text.encoding import writes_unicode


def decode_as_typed() -> None:
    """From now on decode typed bytes in the terminal's encoding; invalid bytes become U+FFFD."""
    encoding = "utf-8" if writes_unicode(sys.__stdin__) else getattr(sys.__stdin__, "encoding", None) or "utf-8"
    linux_driver.getincrementaldecoder = partial(_tolerant, encoding)  # type: ignore[attr-defined]  # see above


def _tolerant(encoding: str, _asked: str) -> partial[Any]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
