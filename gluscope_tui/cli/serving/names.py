"""The names under which a server answers, so that no other page in the same browser can drive the explorer.

A browser lets any web page open a websocket to any server, and says from which page (`Origin`). A page whose own name
is made to lead here (DNS rebinding) is of the same origin, but asks for its own name (`Host`). So both must be ours.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Names:
    """The names and the kind of addresses that lead to the server."""

    names: frozenset[str]
    everywhere: bool  # whether it listens to other machines: then every address may be one of its own

    def has(self, host: str) -> bool:
        """Whether a request for this host (`localhost:8000`, of its header) is for this server."""
        if not _HOST.fullmatch(host):
            return False
        name = urlsplit(f"//{host}").hostname or ""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return self.everywhere or address.is_loopback

    def from_own_page(self, host: str, origin: str | None) -> bool:
        """Whether a page of this server sent a request, by the headers Host and Origin."""
        if origin is None or not self.has(host):
            return False
        scheme, _, rest = origin.partition("://")
        return scheme in ("http", "https") and rest.lower() == host.lower()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def names_of(host: str, more: Iterable[str]) -> Names:
    """The names of a server that listens on `host`; `more`: those that the user adds."""
    everywhere = not is_loopback(host)
    added = {urlsplit(f"//{name}").hostname or name for name in more}  # also with a port
    own = {"localhost", host, *added} | ({socket.gethostname(), socket.getfqdn()} if everywhere else set())
    return Names(frozenset(name.lower() for name in own), everywhere)
