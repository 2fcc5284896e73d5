"""Options that several commands share, and parsers of option values."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from indexer.database.remote.place import is_remote, shown
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant, parse_quadrant

Db = Annotated[
    str | None,
    typer.Option(
        "--db", "-d", metavar="FILE", help="The index, or its address; default: $GLUSCOPE_DB, then ./gluscope.db."
    ),
]
Signs = Annotated[Literal["aligned", "raw"], typer.Option("--signs", help="Signs after alignment, or as in the model.")]
Quadrants = Annotated[
    list[str] | None,
    typer.Option("--quadrant", "-q", metavar="Q", help="Only this quadrant: ++, +-, -+, --; may be repeated."),
]
Color = Annotated[
    Literal["auto", "always", "never", "none", "16", "256", "true"],
    typer.Option("--color", help="How many colours; never: no escape sequences; none: only bold and underline."),
]
MOST = 10**9
"""The largest limit: more neurons than any index has."""


def format_option(people: str) -> Any:
    """The option `--format`; `people` names the format for terminals."""
    return typer.Option("--format", "-f", help=f"{people} on a terminal and plain in a pipe by default.")


RowFormat = Annotated[Literal["table", "plain", "json", "jsonl", "csv"] | None, format_option("table")]
"""The formats of a command that prints rows: see `printing.WRITERS`."""

DEFAULT_DB = "gluscope.db"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgb]?)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def index_name(db: str | None) -> str:
    """The index to read, a path or an address: the option, $GLUSCOPE_DB or ./gluscope.db, in this order."""
    return db if db is not None else os.environ.get("GLUSCOPE_DB") or DEFAULT_DB


def index_path(db: str | None) -> Path:
    """The index file to make or to change, named likewise. GluscopeError if it is on a server."""
    name = index_name(db)
    if is_remote(name):
        raise GluscopeError(
            f"{shown(name)} can only be read: it is on a server", "download it, and name the file: --db FILE"
        )
    return Path(name)


def one_index(file: str | None, db: str | None, command: str) -> str | None:
    """The index that an argument or `--db` names. GluscopeError if they name different files."""
    if file is None or db is None:
        return db if file is None else file
    if file != db and (is_remote(file) or is_remote(db) or os.path.realpath(file) != os.path.realpath(db)):
        raise GluscopeError(
            f"two indexes are named: {shown(file)} and --db {shown(db)}",
            f"name one: gluscope {command} {shlex.quote(shown(file))}",
        )
    return db


def require_utf8(text: str | None) -> str | None:
    """The text. GluscopeError if the command line holds bytes that are not UTF-8, since no index does."""
    if text is not None and any("\udc80" <= character <= "\udcff" for character in text):
        raise GluscopeError(f"{text!a} is not UTF-8 text", "write it in UTF-8")
    return text


def require_all_utf8(texts: list[str] | None) -> list[str] | None:
    """The texts. GluscopeError as above."""
    for text in texts or ():
        require_utf8(text)
    return texts


def parse_quadrants(asked: list[str] | None) -> tuple[Quadrant, ...]:
    """The quadrants that `--quadrant` names, in their usual order, or all. GluscopeError for anything else."""
    wanted = {parse_quadrant(text.removeprefix("=")) for text in asked} if asked else set(QUADRANTS)
    return tuple(quadrant for quadrant in QUADRANTS if quadrant in wanted)


def parse_amount(option: str, text: str) -> int:
    """An amount such as 1024, 500k, 1.5M or 20M; GluscopeError otherwise."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise GluscopeError(f"{option}: {text!a} is not an amount", f"write it like {option} 500k or {option} 20M")
    return round(float(match[1]) * _UNITS[match[2].lower()])


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """Numbers such as 0-3,7, sorted, each once; GluscopeError otherwise."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part, re.ASCII)
        if match is None:
            raise GluscopeError(f"{option}: {text!a} is not a list of numbers", f"write it like {option} 0-3,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise GluscopeError(f"{option}: {part!a} runs backwards", f"write {option} {last}-{first}")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))
