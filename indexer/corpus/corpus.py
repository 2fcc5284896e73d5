"""The corpus: documents numbered in the order of the inputs, checked before anything costly starts."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..decoding import NotTextError, decode, whole_text
from ..errors import GluscopeError
from .columns import Cell, Column
from .document import Document
from .hub import HubDataset
from .inputs import (
    READ_UNDER_ANOTHER_NAME,
    STDIN,
    Identity,
    InputFile,
    LeftOut,
    Seen,
    expand,
    identity_of_stdin,
    printable,
)
from .meter import Meter
from .rows import check_file, is_json_line, json_lines, plain_text, read_file

Notice = Callable[[str], None]
_LONGEST_FIRST_LINE = 1 << 26  # characters of standard input that are tried as a JSON object
_LONGEST_TEMPLATE = 1 << 20  # bytes
_JINJA = "name a file that holds a template, such as a chat_template.jinja"
_PEEKED = 1000  # empty documents at the start that are read to find whether there is any text


class Corpus:
    """Documents, read again and lazily by every iteration (standard input is kept, so that it can be read again).

    Memory holds one document, or a few rows of a table, at a time. Iterating raises GluscopeError if an input is
    broken, naming the file and the line, row or byte, and at the end if no document held any text.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        column: Column,
        dataset: HubDataset | None,
        skip: frozenset[str] = frozenset(),
        notice: Notice | None = None,
    ) -> None:
        self._inputs = inputs
        self._column = column
        self._dataset = dataset
        self._skip = skip
        self._notice = notice or _silent
        self._stdin: str | None = None
        self._columns_used = dataset is not None
        self.template: str | None = None  # a chat template for its conversations, if the user named one
        self._files_size: int | None = None  # None: a pipe or device is among them, or a data set
        self._stdin_size: int | None = 0 if STDIN not in inputs else None  # None: it was not read yet
        self._textless: set[Identity] = set()  # files that `_files_size` leaves out

    @property
    def size(self) -> int | None:
        """The bytes of all inputs that hold text, on the disk or from standard input; None if they aren't known."""
        if self._files_size is None or self._stdin_size is None:
            return None
        return self._files_size + self._stdin_size

    def __iter__(self) -> Iterator[Document]:
        return self._documents(Meter(self._notice), self._notice)

    def describe(self) -> dict[str, Any]:
        """The source of the text, as the user named it, ready for JSON."""
        if self._dataset is not None:
            where = {"dataset": self._dataset.id, "config": self._dataset.config, "split": self._dataset.split}
            return {**where, "column": self._column.name}
        return {"inputs": [printable(path) for path in self._inputs], "column": self._column.name}

    def _documents(self, meter: Meter, notice: Notice) -> Iterator[Document]:
        number = -1
        some_text = False
        try:
            for number, (source, cell) in enumerate(self._pairs(meter, notice)):
                text, messages = (cell, None) if isinstance(cell, str) else ("", cell)
                document = Document(number, source, text, messages, meter.bytes)
                some_text = some_text or bool(document.characters)
                yield document
        finally:
            for line in meter.changed.lines():
                notice(line)
        if not some_text:
            raise self._empty(number + 1)
        if self._column.name != "text" and not self._columns_used:
            notice(f"--column {self._column.name} has no effect: no input has columns")

    def _empty(self, documents: int) -> GluscopeError:
        where = self._dataset.label if self._dataset else ", ".join(printable(path) for path in self._inputs)
        found = f"{documents} empty document{'s' if documents > 1 else ''}" if documents else "no document"
        return GluscopeError(f"there is no text in {where} ({found})", "name files or folders that hold text")

    def _pairs(self, meter: Meter, notice: Notice) -> Iterator[tuple[str, Cell]]:
        if self._dataset is not None:
            yield from self._dataset.read(self._column)
            return
        seen: Seen = {}
        for path in self._inputs:
            if path == STDIN:
                yield from self._read_stdin(meter, notice, seen)
            else:
                yield from self._read_input(path, meter, notice, seen)

    def _read_input(self, path: str, meter: Meter, notice: Notice, seen: Seen) -> Iterator[tuple[str, Cell]]:
        left_out = LeftOut()
        try:
            for file in expand(path, self._skip, left_out, seen):
                self._columns_used = self._columns_used or file.kind != "text"
                try:
                    yield from read_file(file, self._column, meter)
                except NotTextError as error:
                    if file.named or file.kind not in ("text", "json"):
                        raise
                    del seen[file.identity]
                    if file.identity in self._textless:
                        meter.take_back(file.size)
                    none = f"no documents in a {self._column.name!r} column"
                    left_out.add(error.reason if file.kind == "text" else none, file.path)
        finally:
            where = f" of {printable(path)}" if os.path.isdir(path) or not os.path.lexists(path) else ""
            for line in left_out.lines():
                notice(f"left out{where}: {line}")

    def _read_stdin(self, meter: Meter, notice: Notice, seen: Seen) -> Iterator[tuple[str, Cell]]:
        """Standard input: a document a line if its first line is a JSON object, else one document.

        Nothing if it is a file that was read already.
        """
        if (identity := identity_of_stdin()) is not None:
            if identity in seen:
                self._stdin_size = 0
                notice(f"left out: standard input: {READ_UNDER_ANOTHER_NAME}")
                return
            seen[identity] = STDIN
        if self._stdin is None:
            self._stdin = whole_text(sys.stdin.buffer, "standard input")
        text = self._stdin
        self._stdin_size = size = len(text.encode("utf-8"))
        stream = io.StringIO(text, newline="\n")
        first = text.lstrip()[:_LONGEST_FIRST_LINE].partition("\n")[0]
        if not is_json_line(first):
            with meter.reading(size, lambda: size):
                yield STDIN, plain_text(text, self._column, "standard input")
            return
        self._columns_used = True
        with meter.reading(size, lambda: size * stream.tell() / len(text)):
            yield from json_lines(stream, self._column, STDIN, meter)

    def check(self) -> None:
        """Find `size`, and raise what can be known without reading everything: see `open_corpus`."""
        if self._dataset is None:
            files = self._check_files()
            if any(not file.regular for file in files):
                return  # a pipe can be read only once: its text is checked later
        for document in self._documents(Meter(), _silent):
            if document.characters or document.number >= _PEEKED:
                return

    def _check_files(self) -> list[InputFile]:
        """Check every file, and find `_files_size`; returns the pipes and devices among them."""
        sizes: dict[Identity, int] = {}
        pipes = []
        for path in self._inputs:
            if path == STDIN:
                continue
            found = False
            for file in expand(path, self._skip):
                found = True
                if not check_file(file, self._column):
                    self._textless.add(file.identity)
                elif file.regular:
                    sizes[file.identity] = file.size
                else:
                    pipes.append(file)
            if not found:
                raise GluscopeError(f"folder {printable(path)!r} holds no file", "name files or folders that hold text")
        self._files_size = None if pipes else sum(sizes.values())
        return pipes


def open_corpus(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    column: str = "text",
    chat: str = "auto",
    chat_template: str | None = None,
    dataset: str | None = None,
    config: str | None = None,
    split: str = "train",
    skip: Sequence[str | os.PathLike[str]] = (),
    notice: Notice | None = None,
) -> Corpus:
    """The corpus that inputs (files, folders, globs, `-`) or a Hugging Face data set stand for, in their order.

    Files and folders in `skip`, such as the index that is being made, are passed over inside folders and globs.
    `notice` names, in one line for each input, the files in folders that are not text. `chat`: as a `Column` has it.
    `chat_template`: the path of a template for conversations, in place of the model's own.

    Raises GluscopeError, before any document is requested, if an input is missing, a folder is empty, a named file
    isn't text, a table lacks the column, or there is no text at all.
    """
    paths = [os.fspath(path) for path in inputs]
    if paths and dataset is not None:
        raise GluscopeError(f"both text ({printable(paths[0])}) and --dataset {dataset} are given", "give one of them")
    if not paths and dataset is None:
        raise GluscopeError(
            "there is no text to read", "name files, folders, globs, - for standard input, or --dataset ID"
        )
    if paths.count(STDIN) > 1:
        raise GluscopeError("standard input (-) is named twice", "name it once")
    hub = None if dataset is None else HubDataset(dataset, config, split)
    corpus = Corpus(paths, Column(column, chat), hub, frozenset(os.path.realpath(path) for path in skip), notice)
    corpus.template = None if chat_template is None else _template(chat_template)
    corpus.check()
    return corpus


def _template(path: str) -> str:
    """The chat template in a file. GluscopeError if it can't be read, or is no template's size."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST_TEMPLATE + 1)
    except OSError as error:
        raise GluscopeError(f"the chat template {printable(path)} can't be read: {error.strerror}", _JINJA) from None
    if len(data) > _LONGEST_TEMPLATE or not data.strip():
        size = "is empty" if not data.strip() else f"is longer than {_LONGEST_TEMPLATE:,} bytes"
        raise GluscopeError(f"the chat template {printable(path)} {size}", _JINJA)
    return decode(data, printable(path))


def _silent(_: str) -> None:
    """Report nothing."""
