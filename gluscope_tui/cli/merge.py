"""`gluscope merge`: joins indexes of one plan."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from .extras import require_index_extra
from .interruption import telling_what_is_left
from .output import tell


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The index to make.")],
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Finished indexes, in any order.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it exists; it may be one of IN.")
    ] = False,
) -> None:
    """Join indexes of shards, or of different layers, into one. The result is that of a single run.

    Example: gluscope merge all.db part-*.db.
    """
    require_index_extra("merge")
    from indexer.database.reader import Index

    with telling_what_is_left(lambda: f"stopped; {out} is unchanged. Run the same command to start again"):
        from indexer.jobs.merge import merge

        from .progress import narrator

        with narrator() as report:
            made = merge(out, inputs, report, overwrite=overwrite)
    with Index(made) as index:
        complete = index.info().complete
    tell(f"{made} is ready{'' if complete else ', but not complete'}: gluscope info --db {quote(str(made))}")
