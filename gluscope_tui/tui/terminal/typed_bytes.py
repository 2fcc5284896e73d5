"""Typed bytes as text: in the terminal's own encoding, and a byte that isn't valid in it ends nothing.

Textual (8.2) decodes strict UTF-8, so one é typed in an ISO-8859-1 terminal, or a key with an eight-bit Alt, would end
its thread of input with a traceback. Its driver offers no way in but the name by which it finds the decoder.
"""

from __future__ import annotations

import codecs
import sys
from functools import partial
from typing import Any

from textual.drivers import linux_driver

from ...text.encoding import writes_unicode


def decode_as_typed() -> None:
    """From now on decode what is typed as the terminal encodes it; invalid bytes become U+FFFD."""
    encoding = "utf-8" if writes_unicode(sys.__stdin__) else getattr(sys.__stdin__, "encoding", None) or "utf-8"
    linux_driver.getincrementaldecoder = partial(_tolerant, encoding)  # type: ignore[attr-defined]  # see above


def _tolerant(encoding: str, _asked: str) -> partial[Any]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
