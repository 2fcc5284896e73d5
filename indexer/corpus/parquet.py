"""The documents of a Parquet file, a row each, read a few rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..errors import GluscopeError
from .columns import Cell, Column, column_of_wrong_type, missing_column, several_columns
from .inputs import InputFile
from .meter import Meter
from .streams import open_bytes, unreadable

_ROWS = 256
_BUFFER = 1 << 20  # bytes of a column chunk read at a time; else pyarrow reads the whole chunk


def read_parquet(file: InputFile, column: Column, meter: Meter) -> Iterator[tuple[str, Cell]]:
    """The (source, text) pairs of a file; rows count from 1. GluscopeError names the file, and the row where it can."""
    with ExitStack() as stack:
        table = stack.enter_context(_opened(file, column))
        number = 0
        rows = max(table.metadata.num_rows, 1)
        stack.enter_context(meter.reading(file.size, lambda: file.size * number / rows))
        for batch in _guarded(table.iter_batches(batch_size=_ROWS, columns=[column.name], use_threads=False), file):
            for cell in batch.column(0):
                number += 1
                place = f"{file.label}, row {number}"
                row = {batch.schema.names[0]: _value(cell, place)}
                yield f"{file.label}:{number}", column.of_row(row, place)


def check_parquet(file: InputFile, column: Column) -> None:
    """Raise GluscopeError if the file is not a Parquet file or lacks a column of texts of that name."""
    with _opened(file, column):
        pass


@contextmanager
def _opened(file: InputFile, column: Column) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    with ExitStack() as stack:
        source: Any = file.path
        if file.compression:  # Parquet is read from its end: unpack it first
            _, stream = stack.enter_context(open_bytes(file, Meter()))
            source = stack.enter_context(tempfile.TemporaryFile())
            try:
                shutil.copyfileobj(stream, source)
            except OSError as error:
                raise GluscopeError(f"{file.label} can't be unpacked: {error.strerror}", "unpack it yourself") from None
            source.seek(0)
        try:
            table = pyarrow.parquet.ParquetFile(source, buffer_size=_BUFFER)
        except OSError as error:
            raise unreadable(file, error) from None
        except Exception as error:  # of a damaged file
            raise _broken(file, error) from error
        stack.enter_context(table)
        _check_column(table.schema_arrow, column, file)
        yield table


def _check_column(schema: Any, column: Column, file: InputFile) -> None:
    whole = column.name in schema.names
    first, *fields = [column.name] if whole else column.name.split(".")
    if first not in schema.names:
        raise missing_column(column.name, schema.names, file.label)
    if schema.names.count(first) > 1:
        raise several_columns(first, file.label)
    found = schema.field(first).type
    for number, name in enumerate(fields, 1):
        names = [field.name for field in found] if _is_struct(found) else []
        if name not in names:
            inside = ".".join(column.name.split(".")[:number])
            raise missing_column(column.name, names, f"{file.label} in {inside}")
        found = found.field(name).type
    if not _may_hold_text(found, column.chat):
        raise column_of_wrong_type(column.name, str(found), file.label)


def _is_struct(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_struct(kind))


def _may_hold_text(kind: Any, chat: str) -> bool:
    """Whether cells of a type may be text, or messages where those are read."""
    import pyarrow

    plain = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    if str(plain) in ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "null"):
        return True
    listed = pyarrow.types.is_list(plain) or pyarrow.types.is_large_list(plain)
    return chat != "never" and listed and _is_struct(plain.value_type)


def _guarded(batches: Iterator[Any], file: InputFile) -> Iterator[Any]:

    try:
        yield from batches
    except GluscopeError:
        raise
    except Exception as error:  # of a damaged file
        raise _broken(file, error) from error


def _value(cell: Any, place: str) -> Any:
    try:
        value = cell.as_py()
        return value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise GluscopeError(f"{place} is not UTF-8 text: {error.reason}", "remove or convert the row") from None


def _broken(file: InputFile, error: Exception) -> GluscopeError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return GluscopeError(f"{file.label} is not a complete Parquet file: {reason}", "fetch or write it again")
