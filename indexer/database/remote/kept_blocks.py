"""Blocks of remote files that are kept in the cache folder, so that they are fetched once.

A version of a file has a folder, named after a hash of its address, ETag, date and length. Each process that fetches
blocks of it appends them to segments of its own, so that processes need no locks; a block that was cut off or damaged
doesn't fit its checksum, and is fetched again. When there is too much, the oldest segments are removed first.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...cache import cache_folder
from ...errors import GluscopeError
from .place import Place, shown
from .requests import Version

BLOCK = 2**14
"""Bytes of a block; all but the last of a file are full."""
LIMIT = 10**9
"""Bytes kept of all files, unless $GLUSCOPE_CACHE_LIMIT says otherwise."""
_SEGMENT = 2**22  # bytes of a segment
_HEAD = struct.Struct("<QII")  # block, length, checksum of both and of the content
_ABOUT = "about.json"
_SUFFIX = ".blocks"


def blocks_folder() -> Path:
    """The folder of all kept blocks."""
    return cache_folder() / "blocks"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is kept of a version of a file."""

    folder: Path
    name: str  # of the file, as messages have it
    size: int  # of the whole file
    kept: int  # bytes
    used: float  # when blocks were last added, in seconds since 1970


def limit() -> int:
    """The most bytes to keep of all files. GluscopeError if $GLUSCOPE_CACHE_LIMIT is not an amount."""
    text = os.environ.get("GLUSCOPE_CACHE_LIMIT", "").strip()
    if not text:
        return LIMIT
    units = {"K": 10**3, "M": 10**6, "G": 10**9}
    number, factor = (text[:-1], units[text[-1].upper()]) if text[-1].upper() in units else (text, 1)
    try:
        most = float(number) * factor
        if not 0 <= most < 2**60:
            raise ValueError
    except ValueError:
        raise GluscopeError(f"GLUSCOPE_CACHE_LIMIT is {text!a}", "set it to an amount such as 500M or 2G") from None
    return int(most)


def kept_files() -> list[KeptFile]:
    """What is kept, the latest first."""
    found = []
    with suppress(OSError):
        for folder in blocks_folder().iterdir():
            segments = list(_segments(folder))
            name, size = _about(folder)
            found.append(
                KeptFile(
                    folder, name, size, sum(one.size for one in segments), max((o.time for o in segments), default=0)
                )
            )
    return sorted(found, key=lambda file: -file.used)


def is_kept(place: Place) -> bool:
    """Whether blocks of some version of a file are kept."""
    return any(is_of(file, place.name) for file in kept_files())


def is_of(file: KeptFile, name: str) -> bool:
    """Whether blocks are of the file of this name."""
    return file.name == shown(name)


def remove(folder: Path) -> None:
    """Remove what is kept of a version of a file."""
    for segment in _segments(folder):
        segment.path.unlink(missing_ok=True)
    (folder / _ABOUT).unlink(missing_ok=True)
    with suppress(OSError):  # another process has just added a segment
        folder.rmdir()


class KeptBlocks:
    """The kept blocks of one version of a file. Failures of the disk lose blocks and are not errors."""

    def __init__(self, place: Place, version: Version, limit: int) -> None:
        """`limit`: the most bytes to keep, of all files; 0: nothing is kept."""
        identity = "\0".join((place.name, version.etag, version.modified, str(version.size)))
        self._folder = blocks_folder() / hashlib.sha256(identity.encode()).hexdigest()[:20]
        self._size = version.size
        self._name = place.shown
        self._limit = limit if version.is_known else 0  # a change would not be noticed
        self._places: dict[int, list[tuple[int, int]]] = {}  # block -> numbers of segments, where it begins there
        self._files: list[int] = []  # descriptors of segments
        self._own: int | None = None  # place in _files of the segment to append to
        self._end = 0  # of that segment
        if self._limit:
            with suppress(OSError):
                self._scan()

    def close(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files.clear()
        self._places.clear()
        self._own = None

    def drop(self) -> None:
        """Remove what is kept of this version, and keep nothing more of it."""
        self._limit = 0
        self._places.clear()
        with suppress(OSError):
            remove(self._folder)

    def get(self, block: int) -> bytes | None:
        """The content of a block, if it is kept whole."""
        places = self._places.get(block, [])
        while places:
            segment, start = places[-1]
            with suppress(OSError, struct.error):
                data = os.pread(self._files[segment], _HEAD.size + BLOCK, start)
                number, length, check = _HEAD.unpack_from(data)
                content = data[_HEAD.size : _HEAD.size + length]
                if number == block and length == self._length(block) and check == _checksum(block, content):
                    return content
            places.pop()
        return None

    def put(self, block: int, content: bytes) -> None:
        """Keep a block."""
        if not self._limit or self._places.get(block) or len(content) != self._length(block):
            return
        record = _HEAD.pack(block, len(content), _checksum(block, content)) + content
        try:
            if self._own is None or self._end + len(record) > _SEGMENT:
                self._begin_segment()
            assert self._own is not None
            if os.pwrite(self._files[self._own], record, self._end) == len(record):
                self._places[block] = [(self._own, self._end)]
                self._end += len(record)
        except OSError:
            self._limit = 0  # the disk is full, or can't be written

    def _length(self, block: int) -> int:
        return min(BLOCK, self._size - block * BLOCK)

    def _begin_segment(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = self._folder / _ABOUT
        if not about.exists():
            handle, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"name": self._name, "size": self._size}, file)
            os.replace(name, about)
        make_room(self._limit - _SEGMENT)
        descriptor, _ = tempfile.mkstemp(dir=self._folder, suffix=_SUFFIX)
        self._files.append(descriptor)
        self._own, self._end = len(self._files) - 1, 0

    def _scan(self) -> None:
        """Find the blocks in all segments. One that was damaged, and then fetched again, is in two."""
        for segment in _segments(self._folder):
            try:
                descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue  # another process has removed it
            self._files.append(descriptor)
            start = 0
            while len(head := os.pread(descriptor, _HEAD.size, start)) == _HEAD.size:
                block, length, _ = _HEAD.unpack(head)
                if not 0 < length <= BLOCK:
                    break
                self._places.setdefault(block, []).append((len(self._files) - 1, start))
                start += _HEAD.size + length


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    size: int
    time: float


def make_room(limit: int) -> None:
    """Remove the oldest segments of all files until the rest takes no more than `limit` bytes."""
    with suppress(OSError):
        segments = [one for folder in blocks_folder().iterdir() for one in _segments(folder)]
        total = sum(segment.size for segment in segments)
        for segment in sorted(segments, key=lambda one: one.time):
            if total <= max(0, limit):
                return
            segment.path.unlink(missing_ok=True)
            total -= segment.size
            if not any(_segments(segment.path.parent)):
                remove(segment.path.parent)


def _segments(folder: Path) -> Iterator[_Segment]:
    """The segments of a file."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                with suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    yield _Segment(Path(entry.path), state.st_size, state.st_mtime)


def _about(folder: Path) -> tuple[str, int]:
    """The name and the size of the file whose blocks are in a folder."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        return str(about["name"]), int(about["size"])
    return "?", 0


def _checksum(block: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(struct.pack("<QI", block, len(content))))
