"""Checks the index and the files that the explorer keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import indexer
from indexer.database.remote.place import is_remote, shown
from indexer.errors import GluscopeError
from indexer.run.folder import copy_left, run_folder

from ..kept.files import index_folder, state_folder
from ..kept.marks_file import MarksFile
from ..kept.remembered import StateFile
from ..kept.theme import ThemeFile
from ..tui.own_keys import own_keys
from ..views.numbers import counted
from .finding import Finding

_LARGE = 10 * 2**30


def index_health(index: str | os.PathLike[str]) -> Iterator[Finding]:
    """Whether the index opens, is complete, and can be read at its first, last and telling neurons."""
    path = os.fspath(index)
    try:
        with indexer.open(path) as opened:
            info = opened.info()
            yield Finding("index", "file", f"{shown(path)}, {info.size / 2**20:,.1f} MiB, schema {info.schema_version}")
            yield Finding(
                "index",
                "model",
                f"{opened.model}, {counted(len(info.sites), 'site')}, {counted(info.neurons, 'neuron')}",
            )
            part = info.coverage.get("finished", False)
            go_on = "join it with the other parts: gluscope merge" if part else "run its gluscope index command again"
            mend = "" if info.complete else go_on
            yield Finding("index", "complete", "yes" if info.complete else "no", mend)
            first, last = info.sites[0].address, info.sites[-1]
            asked = [f"{first}N0", f"{last.address}N{last.width - 1}"]
            asked += [str(info.telling_neuron)] if info.telling_neuron else []
            for neuron in asked:
                opened.neuron(neuron, weights=False)
            yield Finding("index", "readable", f"read {', '.join(asked)}")
    except GluscopeError as error:
        yield Finding("index", "problem", error.cause, error.fix)
        return
    if is_remote(path):
        return
    if (left := copy_left(Path(path))) is not None:
        mend = "run the command that was killed again (search --build or --weights-only), or remove the folder"
        yield Finding("index", "left over", f"{run_folder(Path(path))}, a copy of {left / 2**20:,.1f} MiB", mend)
    wal = [name for name in (f"{path}-wal", f"{path}-journal") if os.path.exists(name)]
    if wal:
        yield Finding("index", "beside it", wal[0], "another program writes to the index, which should only be read")


def kept_files(index: str | os.PathLike[str] | None) -> Iterator[Finding]:
    """The state folder, the files it holds for an index, broken files and crash logs."""
    path = None if index is None else os.fspath(index)
    folder = state_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(nearest, os.W_OK)
    yield Finding("files", "state", str(folder), "" if writable else f"make {nearest} writable, or set XDG_STATE_HOME")
    yield Finding("files", "theme", ThemeFile().read() or "dark or light, as the terminal says (D in the explorer)")
    if path is not None and (is_remote(path) or os.path.exists(path)):
        own = index_folder(path)
        state = own / "state.json"
        yield Finding("files", "position", _presence(state), _state_problem(state))
        yield Finding("files", "marks", _presence(own / "marks.tsv"))
        yield from _mistakes(MarksFile(own / "marks.tsv"))
    yield from _keys()
    for broken in sorted(folder.glob("*/*.broken*")):
        yield Finding("files", "set aside", str(broken), f"look at it, then rm {broken}")
    for log in sorted(folder.glob("crash-*.log"))[-3:]:
        yield Finding("files", "crash log", str(log), "send it to the project")


def _keys() -> Iterator[Finding]:
    """The user's file of keys, and what is wrong with it."""
    own = own_keys()
    yield Finding("files", "keys", _presence(own.path))
    for problem in own.problems:
        yield Finding("files", "keys", problem, f"correct {own.path}")


def _mistakes(marks: MarksFile) -> Iterator[Finding]:
    """What is wrong with a file of marks."""
    try:
        mistakes = marks.notebook().mistakes
    except GluscopeError as error:
        yield Finding("files", "marks", error.cause, error.fix)
        return
    for number, line in mistakes[:3]:
        yield Finding("files", "marks", f"line {number} is not a mark: {line[:40]!a}", f"correct {marks.path}")
    if len(mistakes) > 3:
        yield Finding("files", "marks", f"{len(mistakes) - 3} more lines are not marks", f"correct {marks.path}")


def _presence(path: Path) -> str:
    return str(path) + ("" if path.exists() else " (not there yet)")


def _state_problem(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return f"the file can't be read: rm {path}"
    return "" if StateFile.is_sound(text) else "the file is broken and will be set aside at the next start"
