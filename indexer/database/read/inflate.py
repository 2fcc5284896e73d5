"""Decompresses the packed values of an index, each up to the size that it can have and no further."""

from __future__ import annotations

import zlib


class DamagedValue(ValueError):
    """A packed value that the writer can't have written."""


def inflate(packed: bytes, most: int) -> bytes:
    """The unpacked bytes. DamagedValue if the zlib stream is invalid, cut short, or gives more than `most`."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise DamagedValue(str(error)) from error
    if len(data) > most:
        raise DamagedValue(f"it unpacks to more than {most:,} bytes")
    if not stream.eof:
        raise DamagedValue("it is cut short")
    return data
