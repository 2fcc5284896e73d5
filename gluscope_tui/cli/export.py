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

Kind = Literal["html", "svg"]


def command(
    kind: Annotated[Kind, typer.Argument(metavar="FORMAT", help="html: web pages; svg: pictures.")],
    neurons: Annotated[
        list[str] | None, typer.Argument(metavar="[NEURON...]", help="L12N345 or 12.345; - reads them from stdin.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="The folder to make; with --single a file.")
    ] = None,
    single: Annotated[bool, typer.Option("--single", help="html: one neuron, as one file.")] = False,
    where: Where = None,
    rank_by: Annotated[
        str | None, typer.Option("--rank-by", metavar="R", help=f"The ranking shown, of {', '.join(RANKINGS)}.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=0, max=MOST, metavar="K", help="Contexts a quadrant; html: all, svg: 3."),
    ] = None,
    signs: Signs = "aligned",
    db: Db = None,
) -> None:
    """Write neurons for others: web pages that open without a server, a tool or a network.

    The folder is there whole or not at all. A folder that holds something else is refused.
    Examples: gluscope export html L12N345 --single --out L12N345.html; gluscope export html -w 'frequency_np > 0.3'
    --out pages.
    """
    if out is None:
        raise GluscopeError("--out is missing", f"name what to make: gluscope export {kind} ... --out pages")
    request = Request(tuple(neurons or ()), where, rank_by, limit, signs, db)
    if kind == "svg":
        from .exporting import svg

        if single:
            raise GluscopeError("--single is for html", "gluscope show L12N345 -f svg prints one picture")
        refused = svg.write(request, out)
    else:
        from .exporting import html

        refused = html.write_page(request, out) if single else html.write_site(request, out)
    if refused:
        tell(f"{refused} of the addresses are left out")
        raise typer.Exit(2)
