"""Options that several commands share, and the values people write for options."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from indexer.errors import GluscopeError

Db = Annotated[
    Path | None,
    typer.Option("--db", "-d", metavar="FILE", help="The index; else $GLUSCOPE_DB, else ./gluscope.db."),
]
Signs = Literal["aligned", "raw"]
Color = Annotated[
    Literal["auto", "always", "never", "none", "16", "256", "true"],
    typer.Option(
        "--color", help="rich, table: how many colours; never: no escape sequence at all; none: bold and underline."
    ),
]

DEFAULT_DB = "gluscope.db"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgb]?)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def index_path(db: Path | None) -> Path:
    """The index file: the option, else $GLUSCOPE_DB, else ./gluscope.db."""
    return db if db is not None else Path(os.environ.get("GLUSCOPE_DB") or DEFAULT_DB)


def one_index(file: str | Path | None, db: Path | None, command: str) -> Path | None:
    """The index that an argument or `--db` names; GluscopeError where both do, and not the same."""
    if file is None or db is None:
        return db if file is None else Path(file)
    if os.path.realpath(file) != os.path.realpath(db):
        raise GluscopeError(
            f"two indexes are named: {file} and --db {db}", f"name one: gluscope {command} {shlex.quote(str(file))}"
        )
    return db


def parse_amount(option: str, text: str) -> int:
    """An amount such as 1024, 500k, 1.5M or 20M; GluscopeError otherwise."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise GluscopeError(f"{option}: {text!a} is no amount", f"write it like {option} 500k or {option} 20M")
    return round(float(match[1]) * _UNITS[match[2].lower()])


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """Numbers such as 0-3,7, sorted, each once; GluscopeError otherwise."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part, re.ASCII)
        if match is None:
            raise GluscopeError(f"{option}: {text!a} is no list of numbers", f"write it like {option} 0-3,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise GluscopeError(f"{option}: {part!a} ends before it begins", f"write {option} {last}-{first}")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))
