"""`gluscope doctor`: what a bug report needs and what the user can fix."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.errors import GluscopeError

from .opening import reading_name
from .options import DEFAULT_DB, Db
from .output import emit, emit_lines

if TYPE_CHECKING:
    from ..doctor.finding import Finding


def command(
    format: Annotated[
        Literal["plain", "json"], typer.Option("--format", "-f", help="For people, or for scripts.")
    ] = "plain",
    db: Db = None,
) -> None:
    """Check libraries, terminal, colours, widths, clipboard, index and kept files.

    Examples: gluscope doctor; gluscope doctor --db gluscope.db; gluscope doctor -f json > report.json
    """
    from ..doctor.files import index_health, kept_files
    from ..doctor.finding import Finding
    from ..doctor.libraries import libraries
    from ..doctor.terminal import terminal
    from ..doctor.widths import widths

    path: str | None
    try:
        path = reading_name(db)
    except GluscopeError:
        path = None

    def findings() -> Iterator[Finding]:
        yield from libraries()
        yield from terminal(os.environ, is_terminal=sys.stdout.isatty())
        yield from widths()
        if path is not None:
            yield from index_health(path)
        else:
            yield Finding("index", "file", f"no ./{DEFAULT_DB}", "name one with --db, or make one: gluscope demo")
        yield from kept_files(path)

    if format == "json":
        import json

        emit([json.dumps({"format": 1, "findings": [f.as_dict() for f in findings()]}, indent=1) + "\n"])
        return
    emit_lines(_lines(findings()))


def _lines(findings: Iterator[Finding]) -> Iterator[str]:
    from ..text.clean import clean

    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        yield subject
        for finding in group:
            yield f"  {finding.name:<17} {clean(finding.value)}"
            if finding.mend:
                yield f"  {'':<17} -> {clean(finding.mend)}"
        if subject == "terminal" and sys.stdout.isatty():
            yield from _strips()
        yield ""


def _strips() -> Iterator[str]:
    """The three ramps, whatever depth was detected, so that the user can see which ones work."""
    from ..colour.depth import light_background
    from ..doctor.terminal import ramps
    from ..views.page import painted

    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "", "dumb"):
        return
    for name, strip in ramps(light_background(os.environ)):
        yield f"  {name:<17} {painted(strip)}"
