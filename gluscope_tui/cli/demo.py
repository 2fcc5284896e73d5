"""`gluscope demo`: makes the demo's index unless it is there, and shows its telling neuron."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

import indexer
from indexer.run.interruption import what_is_left

from .extras import require_index_extra
from .interruption import telling_what_is_left
from .output import tell
from .processors import let_workers_sleep


def command(
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Another model than SmolLM2-135M: an id, a folder, a .gguf file."),
    ] = None,
) -> None:
    """Index 20,000 tokens of the documentation of Python with a small model, and show a telling neuron.

    Examples: gluscope demo; gluscope demo --model google/gemma-3-270m.
    """
    require_index_extra("demo")
    let_workers_sleep()
    with telling_what_is_left(lambda: _left(model)):
        from indexer.jobs.demo import make_demo

        from .progress import narrator

        with narrator() as report:
            db: Path = make_demo(model, progress=report)
    show_telling(db)


def _left(model: str | None) -> str:
    from indexer.cache import demo_path

    return what_is_left(demo_path(model))


def show_telling(db: Path) -> None:
    """Show the telling neuron of an index, and suggest commands that work as pasted."""
    from .show import command as show

    with indexer.open(db) as index:
        telling = index.telling_neuron
        neuron = telling.name if telling is not None else f"{index.sites[0].address}N0"
    show([neuron], db=str(db))
    place = shlex.quote(str(db))
    tell("")
    tell("Try next:")
    tell(f"  gluscope tui {neuron} --db {place}")
    tell(f"  gluscope show {neuron} -q -+ -n 16 --db {place}")
    tell(f"  gluscope show {neuron} -f json --db {place}")
    tell(f"  gluscope info --db {place}")
