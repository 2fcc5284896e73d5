"""Shows a pane's contexts in the user's pager, whole and cleaned."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator

from textual.app import App, SuspendNotSupported

from ...text.spans import text_of, wrap
from ...views.numbers import signed
from ..drawing.titles import end, title
from ..session.explorer import Explorer


def pane_text(explorer: Explorer, width: int) -> Iterator[str]:
    """The lines of the focused pane: its title, then every context, wrapped, with its source."""
    record, ranking = explorer.pane(), explorer.shown.ranking
    yield f"{explorer.shown.neuron}  {title(record, explorer.record.tokens_counted, ranking, 200)}"
    for example in explorer.examples():
        where = f"document {example.document}{f' part {example.part}' if example.part else ''}"
        yield ""
        yield f"{signed(example.value)}  #{example.rank + 1}  {where}, position {example.position}"
        for line in wrap(example.tokens, max(20, width), peak=example.peak, marks=("«", "»")):
            yield text_of(line).rstrip()
    yield ""
    yield end(record, ranking, explorer.facts.top_k)


def page_pane(app: App[None], explorer: Explorer) -> str:
    """Show the pane in $PAGER (default: less). Returns why that failed, or ""."""
    if app.is_web:
        return "a browser has no pager: {context.open} opens a context, whole"
    try:
        pager = shlex.split(os.environ.get("PAGER", "")) or ["less"]
    except ValueError as error:
        return f"$PAGER can't be read ({str(error).lower()}): correct it, or unset it to use less"
    text = "\n".join(pane_text(explorer, app.size.width)) + "\n"
    try:
        with app.suspend():
            subprocess.run(pager, input=text.encode("utf-8", "replace"), check=False)
    except SuspendNotSupported:
        return "this terminal can't make room for a pager"
    except OSError as error:
        return f"{pager[0]} can't be run: {error.strerror}; set $PAGER"
    return ""
