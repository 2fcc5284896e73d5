"""`gluscope tui`: opens the explorer on an index, at a neuron, with a list of neurons."""

from __future__ import annotations

import os
import stat
from typing import Annotated

import typer

from indexer.database.remote.place import is_remote
from indexer.errors import GluscopeError

from .opening import find_index
from .options import Db, one_index
from .streams import stdin_lines


def complete_theme(incomplete: str) -> list[str]:
    """The themes that begin with what was typed."""
    from ..colour.themes import THEMES

    return [name for name in THEMES if name.startswith(incomplete)]


def command(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NEURON] [FILE]", help="A neuron to open at, and the index, in any order."),
    ] = None,
    list_file: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Neurons to walk through, one a line, or contexts printed by search or show; - reads stdin.",
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option("--beside", metavar="FILE", help="Another index of the same shape; = compares a neuron in both."),
    ] = None,
    color: Annotated[str, typer.Option("--color", metavar="WHEN", help="auto, none, 16, 256 or true.")] = "auto",
    theme: Annotated[
        str,
        typer.Option(
            "--theme",
            metavar="NAME",
            autocompletion=complete_theme,
            help="dark, light, nord, gruvbox ...; kept for the next start. D lists all.",
        ),
    ] = "",
    ascii: Annotated[bool, typer.Option("--ascii", help="Only ASCII, for terminals that can't show more.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="For texts of your own: where the model is now.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="DEVICE", help="For texts of your own: auto, cpu, cuda ...")
    ] = None,
    mouse: Annotated[bool, typer.Option("--mouse/--no-mouse", help="Clicks and the wheel.")] = True,
    db: Db = None,
) -> None:
    """Explore an index in the terminal: walk through layers and neurons, read their four quadrants.

    Examples: gluscope tui; gluscope tui L12N345; gluscope tui gluscope.db L12N345; gluscope search keys |
    gluscope tui --list -; gluscope tui gluscope.db --beside other.db
    """
    from ..tui.launch import Terminal, launch
    from ..tui.reading.opening import Request
    from ..tui.session.tried import LiveOptions

    neuron, file = _places(places or [])
    db = one_index(file, db, "tui")
    neurons = None if list_file is None else tuple(list_lines(list_file))
    path, notice = find_index(db)
    title = "stdin" if list_file == "-" else os.path.basename(list_file or "")
    live = LiveOptions(model, device)
    request = Request(path, neuron, neurons, title, notice, beside=beside, live=live)
    code = launch(request, Terminal(color=color, theme=theme, ascii_only=ascii, mouse=mouse))
    if code:
        raise typer.Exit(code)


def _places(places: list[str]) -> tuple[str, str | None]:
    """The neuron and the index among the arguments. GluscopeError if one is named twice."""
    files = [place for place in places if place.endswith(".db") or is_remote(place) or os.path.isfile(place)]
    neurons = [place for place in places if place not in files]
    for several, what in ((files, "an index"), (neurons, "a neuron")):
        if len(several) > 1:
            raise GluscopeError(f"unexpected argument: {several[1]!a}", f"name {what} once: gluscope tui L12N345 FILE")
    return (neurons or [""])[0], files[0] if files else None


def list_lines(name: str) -> list[str]:
    """The lines of a file or of stdin; stdin is then connected to the terminal."""
    if name != "-":
        try:
            return _content(name).decode("utf-8-sig", errors="replace").splitlines()
        except OSError as error:
            raise GluscopeError(
                f"{name} can't be read: {error.strerror}", "name a file with one neuron a line"
            ) from None
    lines = [line.rstrip("\n") for line in stdin_lines()]
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise GluscopeError("no terminal to read keys from", "start gluscope tui in a terminal") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    return lines


def _content(name: str) -> bytes:
    """What a file holds, or a pipe that some program writes to. OSError if it can't be read."""
    with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
        first = file.read(1)  # of a pipe: nothing if no program has it open for writing, None if that wrote nothing yet
        if first == b"" and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise GluscopeError(f"{name} is a pipe that no program writes to", "name a file with one neuron a line")
        os.set_blocking(file.fileno(), True)
        return (first or b"") + file.readall()
