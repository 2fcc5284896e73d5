"""Open connections to web servers, used again for the next request, through the proxies of the environment."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS = {"http": 80, "https": 443}
_FORGOTTEN = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_SMALL = 2**16  # bytes of an answer that nobody wants, to keep its connection

Origin = tuple[str, str, int]
"""Scheme, host and port."""


def origin(url: str) -> Origin:
    """The origin of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


class Connections:
    """Keeps the connections that are not in use. Threads may share it: each request has a connection to itself."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._free: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._used: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._cuts = 0

    @contextmanager
    def answer(self, url: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET request. The connection is kept if the answer was read to its end."""
        where = origin(url)
        connection, answer = self._sent(where, url, headers)
        keep = False
        try:
            yield answer
            if not answer.isclosed() and (answer.length or _SMALL) < _SMALL:
                answer.read()
            keep = answer.isclosed() and not answer.will_close
        finally:
            with self._lock:
                self._used.discard(connection)
                if keep:
                    self._free.setdefault(where, []).append(connection)
            if not keep:
                connection.close()

    def cut(self) -> None:
        """Break off every request under way, from another thread."""
        with self._lock:
            self._cuts += 1
            for connection in self._used:
                if isinstance(connection.sock, socket.socket):
                    with suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            for connections in self._free.values():
                for connection in connections:
                    connection.close()
            self._free.clear()

    def _sent(
        self, where: Origin, url: str, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A connection, and the beginning of its answer. A kept connection that the server has closed is replaced."""
        with self._lock:
            kept = self._free.get(where)
            connection = kept.pop() if kept else None
            cuts = self._cuts
        if connection is not None:
            try:
                return connection, self._ask(connection, where, url, headers)
            except _FORGOTTEN:
                if cuts != self._cuts:
                    raise
        connection = self._new(where)
        return connection, self._ask(connection, where, url, headers)

    def _ask(
        self, connection: http.client.HTTPConnection, where: Origin, url: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        proxy, login = self._proxy(where)
        more = dict(headers)
        if proxy and where[0] == "http":
            target = f"http://{parts.netloc}{target}"
            more |= login
        with self._lock:
            self._used.add(connection)
        try:
            connection.request("GET", target, headers=more)
            return connection.getresponse()
        except BaseException:
            with self._lock:
                self._used.discard(connection)
            connection.close()
            raise

    def _new(self, where: Origin) -> http.client.HTTPConnection:
        scheme, host, port = where
        proxy, login = self._proxy(where)
        if scheme == "https":
            secure = http.client.HTTPSConnection(*(proxy or (host, port)), timeout=self._timeout, context=self._tls)
            if proxy:
                secure.set_tunnel(host, port, login)
            return secure
        return http.client.HTTPConnection(*(proxy or (host, port)), timeout=self._timeout)

    def _proxy(self, where: Origin) -> tuple[tuple[str, int] | None, dict[str, str]]:
        """Host and port of the proxy for an origin, and the header of its login; None without one."""
        scheme, host, port = where
        named = getproxies().get(scheme) or getproxies().get("all")
        if not named or proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
            return None, {}
        parts = urlsplit(named if "://" in named else f"http://{named}")
        if not parts.hostname:
            return None, {}
        login = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            login["Proxy-Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return (parts.hostname, parts.port or 8080), login

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()
