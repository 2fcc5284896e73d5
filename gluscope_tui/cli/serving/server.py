"""The web server: a page with a terminal in it, and behind the websocket of each page an explorer."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import textual_serve
from aiohttp import WSCloseCode, web
from textual_serve.download_manager import DownloadManager

from indexer.errors import GluscopeError

from .names import Names
from .packets import size_of
from .window import GRACE, Window

MOST_WINDOWS = 32
"""Each has a process."""
_LONGEST_MESSAGE = 1 << 20  # bytes that are pasted at once
_GOODBYE = 1.0  # seconds that a window may take to answer that it closes
_PAGE = Path(__file__).parent / "page"
_STATIC = Path(textual_serve.__file__).parent / "static"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves the explorer that `command` starts, under some names."""

    def __init__(self, command: Sequence[str], names: Names) -> None:
        self._command = command
        self._names = names
        self._downloads = DownloadManager()
        self._sockets: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        """What answers requests."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/ws", self._window),
                web.get("/download/{key}", self._download),
                web.static("/page", _PAGE),
                web.static("/static", _STATIC),
            ]
        )
        app.on_response_prepare.append(_protect)
        app.on_shutdown.append(self._close_windows)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Refuse what isn't asked of this server by its name."""
        if not self._names.has(request.host):
            raise web.HTTPForbidden(text="gluscope serve does not answer under this name: add it with --name\n")
        return await handler(request)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE / "index.html")

    async def _window(self, request: web.Request) -> web.StreamResponse:
        """A window: the websocket of a page of ours."""
        if not self._names.from_own_page(request.host, request.headers.get("Origin")):
            raise web.HTTPForbidden(text="another page asks: only pages of gluscope serve may\n")
        if len(self._sockets) >= MOST_WINDOWS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_WINDOWS} windows are open: close one\n")
        socket = web.WebSocketResponse(timeout=_GOODBYE, heartbeat=15, max_msg_size=_LONGEST_MESSAGE)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            size = size_of(request.query.get("width"), request.query.get("height"))
            await Window(socket, self._downloads).run(self._command, size)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that an explorer hands over, once."""
        key = request.match_info["key"]
        try:
            about = await self._downloads.get_download_metadata(key)
        except KeyError:
            raise web.HTTPNotFound(text="there is no such file, or it was fetched already\n") from None
        name = re.sub(r"[^A-Za-z0-9._-]", "_", about.file_name)
        response = web.StreamResponse(
            headers={"Content-Type": about.mime_type, "Content-Disposition": f'attachment; filename="{name}"'}
        )
        await response.prepare(request)
        async for piece in self._downloads.download(key):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _close_windows(self, _app: web.Application) -> None:
        closing = (socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._sockets))
        await asyncio.gather(*closing, return_exceptions=True)


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer: nothing from elsewhere is loaded, and no other page may show this one inside it."""
    sockets = f"ws://{request.host} wss://{request.host}"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
        f"img-src 'self' data:; connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-cache"


async def run_server(server: Server, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Answer requests until SIGINT, SIGTERM or SIGHUP; `ready` is called with the port, which 0 leaves to the system.

    GluscopeError if the server can't listen there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=GRACE + 2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            raise _refused(host, port, error) from None
        ready(int(runner.addresses[0][1]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _refused(host: str, port: int, error: Exception) -> GluscopeError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return GluscopeError(f"port {port} of {host} is taken: name another with --port")
    if number == errno.EACCES:
        return GluscopeError(f"port {port} of {host} is not for you: name one above 1023 with --port")
    reason = os.strerror(number) if number is not None and number > 0 else getattr(error, "strerror", None) or error
    return GluscopeError(f"{host}:{port} can't be listened on: {reason}: name another with --host and --port")
