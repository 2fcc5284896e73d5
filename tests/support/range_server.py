"""A web server on loopback that gives ranges of a file, counts them, and misbehaves as it is told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Behaviour:
    """What the server does; a test changes it at any time."""

    etag: str | None = '"one"'
    modified: str | None = None
    delay: float = 0.0  # seconds before each answer
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # the next answers: status, headers
    cut: int = 0  # of so many answers only a half is sent
    ranges: bool = True
    token: str = ""  # without it 401 is answered
    redirect: str = ""  # to this address, then the path
    headers: dict[str, str] = field(default_factory=dict)  # of every answer
    shift: int = 0  # bytes by which ranges are wrong
    zeros_from: int | None = None  # the bytes of the file from there on are given as zeros


@dataclass(frozen=True)
class Seen:
    """A request."""

    path: str
    headers: dict[str, str]
    sent: int  # bytes of the file
    status: int


class RangeServer:
    """Serves one file under every path."""

    def __init__(self, file: Path, tls: ssl.SSLContext | None = None) -> None:
        self.file = file
        self._scheme = "http" if tls is None else "https"
        self.behaviour = Behaviour()
        self.seen: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def origin(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def url(self, path: str = "tiny.db") -> str:
        return f"{self.origin}/{path}"

    @property
    def requests(self) -> int:
        return len(self.seen)

    @property
    def sent(self) -> int:
        """Bytes of files."""
        return sum(one.sent for one in self.seen)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(file: Path, tls: ssl.SSLContext | None = None) -> Iterator[RangeServer]:
    server = RangeServer(file, tls)
    try:
        yield server
    finally:
        server.close()


def _handler(server: RangeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            behaviour = server.behaviour
            time.sleep(behaviour.delay)
            if behaviour.failures:
                self._answer(*behaviour.failures.pop(0))
            elif behaviour.redirect:
                self._answer(302, {"Location": f"{behaviour.redirect}{self.path}"})
            elif behaviour.token and self.headers.get("Authorization") != f"Bearer {behaviour.token}":
                self._answer(401, {})
            else:
                self._give(behaviour)

        def _give(self, behaviour: Behaviour) -> None:
            size = server.file.stat().st_size
            headers = dict(behaviour.headers)
            if behaviour.etag is not None:
                headers["ETag"] = behaviour.etag
            if behaviour.modified is not None:
                headers["Last-Modified"] = behaviour.modified
            asked = self.headers.get("Range", "")
            condition = self.headers.get("If-Range")
            if not asked or not behaviour.ranges or (condition is not None and condition != behaviour.etag):
                self._answer(200, headers, b"x" * min(size, 1000), claimed=size)
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first) + behaviour.shift, min(int(last) + 1, size)
            if start >= size:
                self._answer(416, {"Content-Range": f"bytes */{size}"})
                return
            with server.file.open("rb") as file:
                file.seek(start)
                body = file.read(stop - start)
            if behaviour.zeros_from is not None:
                right = max(0, behaviour.zeros_from - start)
                body = body[:right] + bytes(len(body[right:]))
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            if behaviour.cut:
                behaviour.cut -= 1
                self._answer(206, headers, body[: len(body) // 2], claimed=len(body))
            else:
                self._answer(206, headers, body)

        def _answer(self, status: int, headers: dict[str, str], body: bytes = b"", claimed: int | None = None) -> None:
            server.seen.append(Seen(self.path, dict(self.headers.items()), len(body), status))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if claimed is None else claimed))
            with suppress(ConnectionError):  # a test may break off
                self.end_headers()
                self.wfile.write(body)
            if claimed is not None and claimed != len(body):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
