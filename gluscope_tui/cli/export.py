"""`gluscope export`: neurons as web pages, pictures and data for other tools, each in a folder that is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from indexer.errors import GluscopeError
from indexer.ranking import RANKINGS

from .columns import Where
from .exporting.chosen import Request
from .options import MOST, Db, Signs
from .output import tell

Kind = Literal["html", "svg", "parquet", "gluscope", "neuronpedia"]
_PAGES = ("html", "svg")


def command(
    kind: Annotated[
        Kind,
        typer.Argument(metavar="FORMAT", help="html: web pages; svg: pictures; parquet, gluscope, neuronpedia: data."),
    ],
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR] [NEURON...]", help="L12N345 or 12.345; - reads them from stdin. Data: DIR first."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="The folder to make; with --single a file.")
    ] = None,
    single: Annotated[bool, typer.Option("--single", help="html: one neuron, as one file.")] = False,
    where: Where = None,
    marks: Annotated[bool, typer.Option("--marks", help="The marked neurons, with their notes.")] = False,
    rank_by: Annotated[
        str | None, typer.Option("--rank-by", metavar="R", help=f"The ranking of contexts, of {', '.join(RANKINGS)}.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=0, max=MOST, metavar="K", help="Contexts a quadrant; svg: 3, else all."),
    ] = None,
    signs: Signs = "aligned",
    model_id: Annotated[
        str | None, typer.Option("--model-id", metavar="NAME", help="neuronpedia: its name of the model.")
    ] = None,
    creator: Annotated[
        str, typer.Option("--creator", metavar="NAME", help="neuronpedia: the account that uploads it.")
    ] = "gluscope",
    db: Db = None,
) -> None:
    """Write neurons for others: web pages and pictures of some, or data of all for other tools.

    The folder is there whole or not at all. A folder that holds something else is refused.
    Examples: gluscope export html L12N345 --single --out L12N345.html; gluscope export html -w 'frequency_np > 0.3'
    --out pages; gluscope export parquet tables.
    """
    names = tuple(places or ())
    if kind not in _PAGES and out is None and names:
        out, names = Path(names[0]), names[1:]
    if out is None:
        raise GluscopeError("--out is missing", f"name what to make: gluscope export {kind} ... --out FOLDER")
    if single and kind != "html":
        raise GluscopeError("--single is for html", "gluscope show L12N345 -f svg prints one picture")
    request = Request(names, where, rank_by, limit, signs, db, marks)
    refused = _write(kind, request, out, single, (model_id, creator))
    if refused:
        tell(f"{refused} of the addresses {'is' if refused == 1 else 'are'} left out")
        raise typer.Exit(2)


def _write(kind: Kind, request: Request, out: Path, single: bool, labels: tuple[str | None, str]) -> int:
    """Write the export; returns how many addresses were refused."""
    if kind == "html":
        from .exporting import html

        return html.write_page(request, out) if single else html.write_site(request, out)
    if kind == "svg":
        from .exporting import svg

        return svg.write(request, out)
    from .exporting import data

    model_id, creator = labels
    return data.write(kind, request, out, model_id, creator)
