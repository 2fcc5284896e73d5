"""`gluscope serve`: the explorer in a browser."""

from __future__ import annotations

import asyncio
import socket
from typing import Annotated

import typer

from .extras import require
from .opening import open_named, reading_name, warn_incomplete
from .options import Db
from .output import emit_lines, tell


def command(
    neuron: Annotated[str, typer.Argument(metavar="[NEURON]", help="A neuron to open at.")] = "",
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Where to listen; 0.0.0.0: to every machine that reaches it.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="The port; 0: one that is free.")
    ] = 8000,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Another name by which a browser reaches it, such as a proxy's; may be repeated.",
        ),
    ] = None,
    db: Db = None,
) -> None:
    """Explore an index in a browser: the explorer of `gluscope tui`, a process for each window. Ctrl-C ends it.

    It listens to this machine only unless --host says otherwise, and has no login.
    Examples: gluscope serve; gluscope serve L12N345 --db gluscope.db --port 8080; gluscope serve --host 0.0.0.0
    """
    require("serve", "aiohttp", "textual_serve", extra="serve")
    from indexer.database.remote.place import absolute

    from .serving.names import is_loopback, names_of
    from .serving.server import Server, run_server
    from .serving.window import explorer

    name = reading_name(db)
    with open_named(name) as index:  # what is wrong with it is said here, not in a window
        warn_incomplete(index)
        words = [str(index.address(neuron))] if neuron else []
    server = Server(explorer(*words, "--db", absolute(name)), names_of(host, names or ()))

    def ready(at: int) -> None:
        shown = socket.gethostname() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
        if not is_loopback(host):
            tell(
                f"anyone who reaches port {at} of this machine can read the index, run its model and change your "
                "marks: there is no login"
            )
        tell("the explorer is at the address below; Ctrl-C ends it, and the windows with it")
        emit_lines([f"http://{shown}:{at}/"])

    asyncio.run(run_server(server, host, port, ready))
    raise KeyboardInterrupt
