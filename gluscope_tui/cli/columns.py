"""Options that name columns of neurons: their defaults, their spelling, their completion."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from indexer.database.format.columns import COLUMNS
from indexer.database.query.table import known_columns
from indexer.errors import GluscopeError

from .options import require_utf8


def complete(incomplete: str) -> list[str]:
    """Columns that complete what was typed; in a list or an expression, its last word."""
    match = re.search(r"\w*\Z", incomplete)
    start = incomplete[: match.start()] if match else incomplete
    word = incomplete[len(start) :]
    return [start + name for name in COLUMNS if name.startswith(word)]


Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        "-w",
        metavar="CONDITION",
        callback=require_utf8,
        autocompletion=complete,
        help="Only neurons that meet it: 'frequency_np > 0.3 and layer >= 20'.",
    ),
]


def parse_columns(text: str, there: tuple[str, ...]) -> tuple[str, ...]:
    """Columns such as neuron,layer, or `all` that are `there`. GluscopeError names the nearest column to a bad name."""
    if text.strip().lower() == "all":
        return there
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise GluscopeError("--columns names no column", "name some, such as neuron,frequency_pp, or all")
    return known_columns(names)
