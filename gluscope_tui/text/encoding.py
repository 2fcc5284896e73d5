"""Whether a stream can write every character or only those of an older encoding."""

from __future__ import annotations

import codecs
from typing import TextIO


def writes_unicode(stream: TextIO | None) -> bool:
    """Whether the stream encodes as UTF-8 (or -16, -32), as the locale or PYTHONIOENCODING says."""
    try:
        name = codecs.lookup(getattr(stream, "encoding", None) or "ascii").name
    except LookupError:
        return False
    return name.startswith("utf")
