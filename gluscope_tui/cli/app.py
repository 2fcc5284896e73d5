"""The command `gluscope`: runs the command asked for and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from indexer import __version__
from indexer.errors import GluscopeError

from .complaints import mendable
from .interruption import INTERRUPTED, interrupt_on_signals, is_interruption
from .output import complain, emit, emit_lines, tell
from .streams import muffle_stderr, open_closed_streams

NAME = "gluscope"
MENDABLE = 2
DEBUG = "GLUSCOPE_DEBUG"

COMMANDS = {
    "index": "Read text with a model and keep what every gated neuron does.",
    "show": "Show neurons: their four quadrants and their contexts.",
    "neurons": "List neurons: any columns, sorted and filtered.",
    "search": "Find neurons by a token they peak on, or by a text in their contexts.",
    "prompt": "Run the index's model on a text of your own, list neurons.",
    "effect": "Measure what a neuron does in a quadrant, by altering it there.",
    "layers": "Show what each layer does: quadrants, open gates, weight classes.",
    "marks": "Keep a notebook of neurons: list, add, remove, import, report.",
    "plot": "Draw one column of all neurons against another.",
    "merge": "Join indexes of shards or of different layers into one.",
    "info": "Show where an index comes from: model, corpus, settings, versions.",
    "bench": "Compare the speed of indexing with the speed of the bare model.",
    "demo": "Index Python's documentation with a small model, show a neuron.",
    "tui": "Explore an index in the terminal.",
    "serve": "Explore an index in a browser.",
    "cache": "List or remove what is kept of indexes on servers.",
    "import": "Make an index of a data set of another tool.",
    "export": "Write neurons as web pages for others.",
    "models": "List the model families that can be indexed, and how.",
    "doctor": "Check the terminal, the libraries and an index.",
}
"""The commands and their summaries, in the order of the help. Each is the function `command` of the module
with its name, which is imported only when the command is asked for."""


def main() -> None:
    """Run this process's command line and exit: 0 fine, 1 nothing found, 2 the user can mend it, 130 interrupted."""
    open_closed_streams()
    muffle_stderr()
    interrupt_on_signals()
    try:
        code = run(sys.argv[1:])
        if code == INTERRUPTED:
            _end_at_once()
        sys.exit(code)
    except KeyboardInterrupt:  # at the very end, or while an interruption of the job's own was told
        _end_at_once()


def _end_at_once() -> None:
    """Exit as interrupted, whatever other threads are doing and however often Ctrl-C is pressed meanwhile.

    The interpreter's own exit would wait for threads, crash into the read-ahead ones, and die of the next signal.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Bugs keep their traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = get_command(application(arguments)).main(
            list(arguments) or ["--help"], prog_name=NAME, standalone_mode=False
        )
        emit(())
    except GluscopeError as error:
        if is_interruption(error):
            return INTERRUPTED
        complain(error)
        if os.environ.get(DEBUG) or list(arguments[:1]) == ["--debug"]:
            _tell_all(error)
        return MENDABLE
    except typer.TyperException as error:
        command = next((argument for argument in arguments if argument in COMMANDS), None)
        complain(mendable(error.format_message(), command, list(COMMANDS)))
        return MENDABLE
    except typer.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if not is_interruption(error):
            raise
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _tell_all(error: GluscopeError) -> None:
    """Print what a library raised and where, a cleaned line at a time."""
    for part in traceback.format_exception(error):
        for line in part.rstrip().splitlines():
            tell(line)


class Command(TyperCommand):
    """A command whose help shows no Python types: NEURON..., not {NEURON...}... <list[str]>."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        pieces = (re.sub(r"^\{(.*?)\}", r"\1", piece) for piece in super().collect_usage_pieces(ctx))
        return [re.sub(r"\.{6}$", "...", re.sub(r"^\[\[(.*?)\](?:\.{3})?\]", r"[\1]", piece)) for piece in pieces]

    def get_help(self, ctx: Any) -> str:
        return _print_help(re.sub(r"(?<=\S) <(?:str|path|Path|list\[\w+\])>", _blanks, super().get_help(ctx)))


class Group(TyperGroup):
    """All commands together."""

    def get_help(self, ctx: Any) -> str:
        return _print_help(super().get_help(ctx))


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _print_help(text: str) -> NoReturn:
    """Print help through the usual output, so that a full disk gives the usual message, and end the command."""
    emit_lines([text])
    raise typer.Exit


def application(arguments: Sequence[str]) -> typer.Typer:
    """The Typer application. It imports only the commands that the arguments name."""
    app = typer.Typer(
        cls=Group,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    words = {*arguments, *_to_complete()}
    for name, summary in COMMANDS.items():
        app.command(name, short_help=summary, cls=Command)(_command(name) if name in words else _listed_only)
    return app


def _command(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = import_module(f".{name}", __package__).command
    return function


def _to_complete() -> list[str]:
    """The words of the command line that a shell asks Typer to complete; none otherwise."""
    return f"{os.environ.get('COMP_WORDS', '')} {os.environ.get('_TYPER_COMPLETE_ARGS', '')}".split()


def _listed_only() -> None:
    """Stands in for a command that was not asked for: only its summary is needed."""


def _version(asked: bool) -> None:
    if asked:
        emit_lines([f"{NAME} {__version__}"])
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[  # `run` looks for it itself: an error ends the command before its options count
        bool, typer.Option("--debug", help=f"Print what libraries raised, after an error ({DEBUG}=1 does too).")
    ] = False,
) -> None:
    """The terminal explorer for the gated neurons of language models."""
