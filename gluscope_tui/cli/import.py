"""`gluscope import`: data sets of other tools as an index."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from indexer import __version__
from indexer.errors import GluscopeError

from .extras import require
from .options import Db, index_path, parse_amount
from .output import tell
from .progress import narrator

_TOKENS = 20_000_000


def command(
    kind: Annotated[Literal["gluscope"], typer.Argument(metavar="FORMAT", help="gluscope: a data set of GLUScope.")],
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Its folder, or the Parquet files of its activations.")
    ],
    texts: Annotated[
        list[Path] | None,
        typer.Option("--texts", metavar="FILE", help="Parquet files of the texts; default: in DATA's folder texts."),
    ] = None,
    text_column: Annotated[str, typer.Option("--text-column", metavar="NAME", help="Their column of text.")] = "text",
    name: Annotated[str | None, typer.Option("--name", metavar="MODEL", help="The model's name.")] = None,
    tokens: Annotated[
        str | None, typer.Option("--tokens", metavar="N", help="Tokens that frequencies are shares of; 20M.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option("--activation", metavar="NAME", help="The activation function; silu.")
    ] = None,
    db: Db = None,
) -> None:
    """Make an index of a data set that another tool published: statistics, and rankings with their texts.

    What the data set lacks (where in a text a value is, windows, samples, weights) is missing and said to be.
    Examples: gluscope import gluscope dataset/ --db theirs.db; gluscope import gluscope activations.parquet --texts
    texts.parquet --name OLMo-7B --db theirs.db.
    """
    require(f"import {kind}", "pyarrow", "numpy", "sqlite_utils")
    from indexer.exchange.gluscope_import import MISSING, Source, import_gluscope
    from indexer.exchange.gluscope_metadata import read_metadata
    from indexer.progress import Meter

    files = _parquet_files(data, "neuron-activations")
    text_files = _parquet_files(texts or [one / "texts" for one in data if one.is_dir()], "")
    if not text_files:
        raise GluscopeError("the texts are not named", "name their Parquet files: --texts FILE")
    told = read_metadata(files[0])
    source = Source(
        files,
        text_files,
        text_column,
        name or told.get("model") or files[0].stem,
        parse_amount("--tokens", tokens) if tokens is not None else int(told.get("tokens", _TOKENS)),
        activation or told.get("activation", "silu"),
    )
    started = time.time()
    with narrator() as report:
        import_gluscope(source, index_path(db), _info(source, MISSING, started), Meter(report, "importing"))
    tell(f"{index_path(db)} is an index now: {MISSING}")


def _parquet_files(places: list[Path], folder: str) -> tuple[Path, ...]:
    """The files named, and those of folders, of which `folder` may be a part."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inner = place / folder if folder and (place / folder).is_dir() else place
            found += sorted(inner.rglob("*.parquet"))
        elif place.exists():
            found.append(place)
        else:
            raise GluscopeError(f"{place} does not exist", "name a folder or Parquet files")
    if places and not found:
        raise GluscopeError(f"there is no Parquet file in {places[0]}", "name the folder of the data set")
    return tuple(found)


def _info(source: Any, missing: str, started: float) -> dict[str, Any]:
    """What `gluscope info` shows of the index."""
    from indexer.exchange.gluscope_columns import KEPT

    return {
        "imported": {"from": "GLUScope", "missing": missing},
        "model": {"name": source.model, "revision": None, "architecture": None, "layers": None},
        "corpus": {"inputs": [file.name for file in source.texts], "tokens": source.tokens},
        "settings": {"window": [0, 0], "top_k": KEPT, "layers": None, "sample": 0, "tokens": None, "experts": None},
        "software": {"gluscope": __version__},
        "run": {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "seconds": 0.0,
            "notices": [f"imported from GLUScope's data set: {missing}"],
        },
    }
