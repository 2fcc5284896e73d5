"""The bytes of an input file: decompressed, counted, and with errors that name the file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import select
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import zstandard

from ..decoding import HEAD
from ..errors import GluscopeError
from .inputs import InputFile
from .meter import Meter

_BUFFER = 1 << 18
_ZSTD_INPUT = 1 << 11  # bytes given to the decompressor at a time: bounds what one step may expand to
_SIP = 1 << 13  # compressed bytes that the other decompressors get at a time
_BZ2_BLOCK = 1 << 20  # more than a block holds: what waits inside can't be counted
_PATIENCE = 1000  # milliseconds
_ZSTD_WINDOW = 1 << 31  # as with `zstd --long=31`, the largest possible


class _Readable(Protocol):
    def readinto(self, buffer: bytearray | memoryview, /) -> int | None: ...


class _Counted(io.RawIOBase):
    """A file that knows how far it was read; a pipe too."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        count = self._file.readinto(buffer) or 0
        self._bytes += count
        return count

    def tell(self) -> int:
        return self._bytes

    def close(self) -> None:
        self._file.close()
        super().close()


class _Sips:
    """A stream that gives little at a time, so that what it gave was also decompressed."""

    def __init__(self, stream: io.BufferedReader[Any]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(_SIP if size < 0 else min(size, _SIP))


class _Zstd(io.RawIOBase):
    """Decompressed Zstandard frames, one after another; EOFError if the last is cut short."""

    def __init__(self, compressed: io.BufferedReader[Any]) -> None:
        self._compressed = compressed
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._ready = memoryview(b"")
        self._left = b""  # compressed bytes after the end of a frame

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        while not self._ready:
            if not self._decompress():
                return 0
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self) -> bool:
        """Make some bytes ready, perhaps none yet; False at the end of the file."""
        compressed = self._left or self._compressed.read(_ZSTD_INPUT)
        self._left = b""
        if not compressed:
            if self._frame is not None:
                raise EOFError("the last frame is cut short")
            return False
        if self._frame is None:
            self._frame = self._zstd.decompressobj()
        self._ready = memoryview(self._frame.decompress(compressed))
        if self._frame.eof:
            self._left = self._frame.unused_data
            self._frame = None
        return True


class _Bz2(bz2.BZ2File):
    """Decompressed bzip2, not more than a block at a time: the next one would be taken in whole to fill a buffer."""

    def readinto(self, buffer: Any, /) -> int:
        data = self.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Guarded(io.RawIOBase):
    """A stream whose failures are GluscopeErrors that name the file."""

    def __init__(self, stream: _Readable, file: InputFile) -> None:
        self._stream = stream
        self._file = file
        self.bytes = 0  # given out

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        label = self._file.label
        try:
            count = self._stream.readinto(buffer) or 0
            self.bytes += count
            return count
        except EOFError:
            raise GluscopeError(f"{label} is cut short: its compressed data ends too early", "fetch it again") from None
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            raise self._broken(error) from None
        except OSError as error:
            if self._file.compression == "bz2" and error.errno is None:  # bz2 has no error of its own
                raise self._broken(error) from None
            raise unreadable(self._file, error) from None

    def _broken(self, error: Exception) -> GluscopeError:
        return GluscopeError(
            f"{self._file.label} can't be decompressed as .{self._file.compression}: {error}",
            "fetch it again, or rename it",
        )


def unreadable(file: InputFile, error: OSError) -> GluscopeError:
    """The error for a file that the system refuses to open or read."""
    return GluscopeError(f"{file.label} can't be read: {error.strerror or error}", "check the file and its permissions")


@contextmanager
def open_bytes(file: InputFile, meter: Meter) -> Iterator[tuple[bytes, io.BufferedReader[Any]]]:
    """The first bytes of a file (at most HEAD) and a stream of all of them, decompressed.

    Reading raises GluscopeError if the file can't be opened or read, is cut short or isn't compressed as named.
    """
    try:
        counted = io.BufferedReader(_Counted(_opened(file, meter)), _BUFFER)
    except OSError as error:
        raise unreadable(file, error) from None
    with counted:
        stream: _Readable = counted
        sips: Any = _Sips(counted)  # each of them asks for more types of files than it uses
        if file.compression == "gz":
            stream = gzip.GzipFile(fileobj=sips, mode="rb")
        elif file.compression == "bz2":
            stream = _Bz2(sips)
        elif file.compression == "xz":
            stream = lzma.LZMAFile(sips)  # noqa: SIM115  # closed with what it reads
        elif file.compression == "zst":
            stream = _Zstd(counted)
        decompressed = _Guarded(stream, file)
        guarded = io.BufferedReader(decompressed, _BZ2_BLOCK if file.compression == "bz2" else _BUFFER)
        head = guarded.read(HEAD)
        text = io.BufferedReader(_Rejoined(head, guarded), _BUFFER)

        def place() -> float:
            return text.tell() / max(decompressed.bytes, 1) * counted.tell()

        with meter.reading(file.size, place):
            yield head, text


def _opened(file: InputFile, meter: Meter) -> io.FileIO:
    """The file, open. A named pipe is waited for until something writes to it, which a notice says."""
    if file.regular or not stat.S_ISFIFO(os.stat(file.path).st_mode):
        return io.FileIO(file.path)
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)  # opens at once, unlike a plain open
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(_PATIENCE):
            meter.notice(f"waiting for something to write to {file.label}, a pipe")
            while not poll.poll(_PATIENCE):
                pass
        os.set_blocking(descriptor, True)
        return io.FileIO(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


class _Rejoined(io.RawIOBase):
    """A stream with its head, which was read already, in front again."""

    def __init__(self, head: bytes, rest: io.BufferedReader[Any]) -> None:
        self._head = memoryview(head)
        self._rest = rest
        self._bytes = 0  # given out

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        if not self._head:
            count = self._rest.readinto(buffer)
        else:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
        self._bytes += count
        return count

    def tell(self) -> int:
        return self._bytes
