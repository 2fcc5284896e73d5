"""`gluscope import`: data sets of other tools as an index."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from indexer import __version__
from indexer.errors import GluscopeError

from .extras import require, require_index_extra
from .options import Db, index_path, parse_amount
from .output import tell
from .progress import narrator

if TYPE_CHECKING:
    from indexer.exchange.gluscope_data import Source
    from indexer.live.model import Choice

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
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Run the texts again with it: positions, windows, weights."),
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", metavar="R", help="With --model: its revision.")] = None,
    dtype: Annotated[str, typer.Option("--dtype", metavar="T", help="With --model: float32, bfloat16 ...")] = "auto",
    device: Annotated[str, typer.Option("--device", metavar="D", help="With --model: auto, cpu, cuda ...")] = "auto",
    context: Annotated[
        str | None, typer.Option("--context", metavar="N", help="With --model: tokens of a text; 1024.")
    ] = None,
    db: Db = None,
) -> None:
    """Make an index of a data set that another tool published: statistics, and rankings with their texts.

    What the data set lacks (where in a text a value is, windows, samples, weights) is missing and said to be, unless
    --model finds it again.
    Examples: gluscope import gluscope dataset/ --db theirs.db; gluscope import gluscope activations.parquet --texts
    texts.parquet --model allenai/OLMo-7B-0424-hf --db theirs.db.
    """
    require(f"import {kind}", "pyarrow", "numpy", "sqlite_utils")
    from indexer.exchange.gluscope_data import Source
    from indexer.exchange.gluscope_metadata import read_metadata

    made = index_path(db)
    files = _parquet_files(data, "neuron-activations")
    text_files = _parquet_files(texts or _texts_folders(data), "")
    if not text_files:
        raise GluscopeError("the texts are not named", "name their Parquet files: --texts FILE")
    told = read_metadata(files[0])
    source = Source(
        files,
        text_files,
        text_column,
        name or told.get("model") or (model and Path(model).name) or files[0].stem,
        parse_amount("--tokens", tokens) if tokens is not None else int(told.get("tokens", _TOKENS)),
        activation or told.get("activation", "silu"),
    )
    if model is None:
        if named := [name for name, value in (("--context", context), ("--revision", revision)) if value is not None]:
            raise GluscopeError(f"{named[0]} is for --model", "name the model, or leave it out")
        _without_model(source, made, complete=told.get("complete", True))
        return
    require_index_extra("import --model")
    from indexer.live.model import Choice

    dtype = told.get("dtype", "auto") if dtype == "auto" else dtype
    choice = Choice(model=model, dtype=dtype, device=device, revision=revision)
    _with_model(source, made, choice, told, context)


def _without_model(source: Source, db: Path, *, complete: bool) -> None:
    from indexer.exchange.gluscope_import import MISSING, import_gluscope
    from indexer.progress import Meter

    started = time.time()
    with narrator() as report:
        info = {**_info(source, MISSING, started), "complete": complete}
        import_gluscope(source, db, info, Meter(report, "importing"))
    tell(f"{db} is an index now: {MISSING}")


def _with_model(source: Source, db: Path, choice: Choice, told: dict[str, Any], context: str | None) -> None:
    from indexer.jobs.import_gluscope import import_with_model, settings_of, told_of

    settings = settings_of(told, None if context is None else parse_amount("--context", context))
    with narrator() as report:
        found = import_with_model(source, db, choice, settings, told, report)
    tell(f"{db} is an index now: {'; '.join(told_of(found))}")


def _texts_folders(data: list[Path]) -> list[Path]:
    """The folders of texts in those of the data set."""
    folders = [one for one in data if one.is_dir()]
    for one in folders:
        if not (one / "texts").is_dir():
            raise GluscopeError(
                f"{one} has no folder texts: a data set of GLUScope has neuron-activations and texts, of Parquet files",
                "name that folder, or the files of the texts: --texts FILE",
            )
    return [one / "texts" for one in folders]


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
        raise GluscopeError(
            f"there is no Parquet file in {places[0]}",
            "name the folder of the data set, which has neuron-activations and texts, or its Parquet files",
        )
    return tuple(found)


def _info(source: Source, missing: str, started: float) -> dict[str, Any]:
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
