"""Spills sequences to a folder as they are read, and reads back those that the examples use.

Four files, appended to; integers are little-endian:

- `tokens.bin`: the token ids of all sequences one after the other, int32 each.
- `sources.bin`: the sources of the documents one after the other, UTF-8.
- `turns.bin`: the turns of the conversations one after the other, JSON.
- `sequences.bin`: a header of one record's size, then a record of fixed size for each sequence, in order: document
  (int64), part (int32), tokens (int32), offset of its first token (int64, in tokens), offset and bytes of its source
  and of its turns (int64, int32 each), the CRC-32 of its token ids, of its source and of its turns (uint32 each), and
  the CRC-32 of all those (uint32).

`flush` writes the records after the data that they point at, so a whole record with the right CRC can be read.
Whenever a run is cut off, the intact sequences are a beginning of those added.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from ..database.format.turns import turns_of
from ..disk import create, refused
from ..errors import GluscopeError
from .cutting import Ids
from .sequences import TokenSequence

_BODY = struct.Struct("<qiiqqiqiIII")
_CRC = struct.Struct("<I")
_RECORD = _BODY.size + _CRC.size
_HEADER = b"gluscope texts 3".ljust(_RECORD, b"\0")
_BUFFERED = 1 << 20  # bytes kept in memory between writes
_NAMES = ("tokens.bin", "sources.bin", "turns.bin", "sequences.bin")


@dataclass(frozen=True, slots=True)
class _Record:
    document: int
    part: int
    tokens: int
    offset: int  # of its first token, in tokens
    source_offset: int
    source_bytes: int
    turns_offset: int
    turns_bytes: int  # 0: not a conversation
    tokens_crc: int
    source_crc: int
    turns_crc: int

    def pack(self) -> bytes:
        body = _BODY.pack(*astuple(self))
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> _Record | None:
        """The record; None if it is cut short or its CRC is wrong."""
        body = data[: _BODY.size]
        if len(data) != _RECORD or zlib.crc32(body) != _CRC.unpack(data[_BODY.size :])[0]:
            return None
        return cls(*_BODY.unpack(body))


class Texts:
    """The sequences of a folder, read back by number. Memory does not grow with their number."""

    def __init__(self, folder: str | Path) -> None:
        """Open the files of a TextsWriter; GluscopeError if they don't exist or are something else."""
        self._folder = Path(folder)
        self._stack = ExitStack()
        try:
            files = [self._stack.enter_context(io.FileIO(self._folder / name)) for name in _NAMES]
        except OSError as error:
            self._stack.close()
            raise GluscopeError(f"the texts in {folder} can't be read: {error.strerror}", _START_AGAIN) from None
        self._tokens, self._sources, self._turns, self._records = (file.fileno() for file in files)
        if os.pread(self._records, _RECORD, 0) != _HEADER:
            self._stack.close()
            raise GluscopeError(f"{folder} holds no texts of this version", _START_AGAIN)
        self._intact = self._count_intact()

    def __len__(self) -> int:
        """The number of whole sequences."""
        return self._intact

    def ids(self, number: int) -> Ids:
        """The token ids of a sequence, by position, BOS included."""
        record = self._record(number)
        data = self._whole(self._tokens, 4 * record.tokens, 4 * record.offset, record.tokens_crc)
        return np.frombuffer(data, dtype="<i4").astype(np.int32)  # position

    def document(self, number: int) -> int:
        """The document of a sequence."""
        return self._record(number).document

    def part(self, number: int) -> int:
        """The place of a sequence in its document."""
        return self._record(number).part

    def source(self, document: int) -> str:
        """Where a document came from; KeyError if it has no sequence."""
        number = bisect_left(range(len(self)), document, key=self.document)
        if number == len(self) or self.document(number) != document:
            raise KeyError(document)
        return self._source(self._record(number))

    def sequence(self, number: int) -> TokenSequence:
        """A sequence as it was added. IndexError if no sequence has that number."""
        record = self._record(number)
        source, turns = self._source(record), None
        if record.turns_bytes:
            text = self._whole(self._turns, record.turns_bytes, record.turns_offset, record.turns_crc)
            turns = turns_of(text.decode(), record.tokens)
        return TokenSequence(number, record.document, record.part, self.ids(number), source, turns)

    def used(self, numbers: Iterable[int]) -> Iterator[TokenSequence]:
        """The sequences with these numbers, each once, ascending: those that the examples use."""
        for number in sorted(set(numbers)):
            yield self.sequence(number)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Texts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, number: int) -> _Record:
        if not 0 <= number < self._intact:
            raise IndexError(f"no sequence {number} among {self._intact}")
        record = self._read(number)
        if record is None:
            raise GluscopeError(f"the texts in {self._folder} are damaged at sequence {number}", _START_AGAIN)
        return record

    def _read(self, number: int) -> _Record | None:
        return _Record.unpack(os.pread(self._records, _RECORD, _RECORD * (1 + number)))

    def _source(self, record: _Record) -> str:
        data = self._whole(self._sources, record.source_bytes, record.source_offset, record.source_crc)
        return data.decode("utf-8")

    def _whole(self, file: int, size: int, offset: int, crc: int) -> bytes:
        """Some bytes of a file; GluscopeError if they are not those that were written."""
        data = os.pread(file, size, offset)
        if zlib.crc32(data) != crc:
            raise GluscopeError(f"the texts in {self._folder} are damaged", _START_AGAIN)
        return data

    def _count_intact(self) -> int:
        """The number of whole records at the start whose tokens and source exist; only the end can be cut off."""
        files = (self._tokens, self._sources, self._turns, self._records)
        tokens, sources, turns, records = (os.fstat(file).st_size for file in files)
        count = max(records // _RECORD - 1, 0)
        while count:
            record = self._read(count - 1)
            if (
                record is not None
                and 4 * (record.offset + record.tokens) <= tokens
                and record.source_offset + record.source_bytes <= sources
                and record.turns_offset + record.turns_bytes <= turns
            ):
                break
            count -= 1
        return count


class TextsWriter:
    """Appends sequences to a folder, in order; memory holds at most a mebibyte of them."""

    def __init__(self, folder: str | Path) -> None:
        """Begin in a folder, which is made if needed. Raises GluscopeError if it can't be written."""
        self._folder = Path(folder)
        self._stack = ExitStack()
        self._last: _Record | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._files = [_Appended(self._stack, self._folder / name) for name in _NAMES]
        except OSError as error:
            self._stack.close()
            raise self._refused(error) from None
        self._tokens, self._sources, self._turns, self._records = self._files
        self._records.add(_HEADER)
        self.sequences = 0
        """Sequences added."""

    def add(self, sequence: TokenSequence) -> None:
        """Append a sequence; its number must be the number of sequences before it.

        Raises GluscopeError if the disk is full.
        """
        if sequence.number != self.sequences:
            raise ValueError(f"sequence {sequence.number} added as number {self.sequences}")
        record = self._record_of(sequence)
        self._tokens.add(_bytes(sequence.ids))
        self._records.add(record.pack())
        self._last = record
        self.sequences += 1
        if sum(file.waiting for file in self._files) >= _BUFFERED:
            self.flush(sync=False)

    def flush(self, sync: bool = True) -> None:
        """Write everything added; with `sync`, make sure that it survives a loss of power.

        Raises GluscopeError if the disk is full.
        """
        try:
            for file in self._files:  # the records last: they may only point at written data
                file.write(sync)
        except OSError as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """Write everything added and close the files."""
        with self._stack:
            self.flush(sync=False)

    def __enter__(self) -> TextsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.close()

    def _record_of(self, sequence: TokenSequence) -> _Record:
        last = self._last
        if last is not None and last.document == sequence.document:
            source_offset, source_bytes, source_crc = last.source_offset, last.source_bytes, last.source_crc
        else:
            source = sequence.source.encode("utf-8", "backslashreplace")
            source_offset = self._sources.size
            source_bytes, source_crc = len(source), zlib.crc32(source)
            self._sources.add(source)
        ids, turns = _bytes(sequence.ids), sequence.turns_text.encode()
        turns_offset = self._turns.size
        self._turns.add(turns)
        return _Record(
            document=sequence.document,
            part=sequence.part,
            tokens=sequence.length,
            offset=self._tokens.size // 4,
            source_offset=source_offset,
            source_bytes=source_bytes,
            turns_offset=turns_offset,
            turns_bytes=len(turns),
            tokens_crc=zlib.crc32(ids),
            source_crc=source_crc,
            turns_crc=zlib.crc32(turns),
        )

    def _refused(self, error: OSError) -> GluscopeError:
        return refused(self._folder, error, "make the index elsewhere (--db)")


class _Appended:
    """One file that only grows, written in large pieces."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._file = stack.enter_context(create(path))
        self._waiting = bytearray()
        self.size = 0  # with what waits

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, data: bytes) -> None:
        self._waiting += data
        self.size += len(data)

    def write(self, sync: bool) -> None:
        while self._waiting:
            written = self._file.write(self._waiting[: 1 << 20])
            del self._waiting[:written]
        if sync:
            os.fsync(self._file.fileno())


def _bytes(ids: Ids) -> bytes:
    """Token ids as they are written."""
    return ids.astype("<i4", copy=False).tobytes()


_START_AGAIN = "start the run again"
