"""Fetches ranges of bytes of one file from a web server, with the standard library alone.

Requests go through the proxies of the environment, follow redirects, and are tried again if that can help. The file's
version (its ETag, or else its date) is sent along and compared, so that two versions are never mixed.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from ...errors import GluscopeError
from .connections import Connections, origin
from .place import Place

TRIES = 5
TIMEOUT = 20.0
"""Seconds without a byte after which a request has failed."""
LONGEST_WAIT = 30.0
"""Seconds that a server may ask to wait before a request is tried again."""
_FIRST_PAUSE = 0.4
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_GONE = (401, 403, 404, 410)  # of an address that a redirect gave: it may have expired
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")  # how http.client tells what a proxy answers
_DOWNLOAD = "download it, and name the file: --db FILE"
_AUTHORITY = "look at the address; SSL_CERT_FILE names a file of other authorities to trust"


class Changed(GluscopeError):
    """The file on the server is no longer the one that was opened."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has changed on the server while it was read", "run the command again")


class Stopped(Exception):
    """`Requests.stop` was called while something was fetched."""


class _Again(Exception):
    """A try has failed; another one may succeed. `wait`: seconds that the server asks for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Version:
    """What tells a file from the one that was there before."""

    size: int
    etag: str = ""
    modified: str = ""

    @property
    def is_known(self) -> bool:
        """Whether a change would be noticed."""
        return bool(self.etag or self.modified)

    @property
    def condition(self) -> str:
        """The value of If-Range: only a strong ETag is allowed there."""
        return self.etag if self.etag.startswith('"') else ""


class Requests:
    """The requests for one file. Threads may share it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connections = Connections(TIMEOUT)
        self._address = place.url
        self._version: Version | None = None
        self._stop = threading.Event()
        self.has_changed = False
        """Whether an answer was about another version of the file."""
        self.count = 0
        """Requests sent so far."""
        self.received = 0
        """Bytes of files received so far."""

    @property
    def version(self) -> Version:
        """The version of the file, which the first answer told."""
        assert self._version is not None
        return self._version

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, or to the end of the file.

        GluscopeError if the server doesn't give them, Changed if the file has changed, Stopped after `stop`.
        """
        pause = _FIRST_PAUSE
        for left in reversed(range(TRIES)):
            self._look()
            try:
                return self._try(start, stop)
            except _Again as failed:
                wait = pause if failed.wait is None else failed.wait
                if wait > LONGEST_WAIT:
                    raise self._error(f"{failed}, and asks to wait {wait:,.0f} s", "try again then") from None
                if not left:
                    raise self._error(str(failed), "try again later, or look at the network") from None
                self._stop.wait(wait)
                pause *= 2
        raise AssertionError("the last try returns or raises")

    def stop(self) -> None:
        """Stop what other threads fetch: they get Stopped."""
        self._stop.set()
        self._connections.cut()

    def resume(self) -> None:
        """Fetch again after `stop`."""
        self._stop.clear()

    def close(self) -> None:
        self._connections.close()

    def _look(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _try(self, start: int, stop: int) -> bytes:
        """One try, with the redirects that it takes."""
        address = kept = self._address
        for _ in range(_REDIRECTS + 1):
            with self._answer(address, start, stop) as answer:
                if answer.status in _GONE and address == kept != self._place.url:
                    self._address = self._place.url  # signed addresses expire: ask for another one
                    raise _Again(f"the server answers {_in_words(answer.status)}", 0.0)
                if answer.status not in _MOVED:
                    data = self._body(answer, start, stop)
                    self._address = address  # the next request goes there at once
                    return data
                address = self._target(address, answer.getheader("Location") or "")
        raise self._error("the server redirects in a circle", "look at the address")

    @contextmanager
    def _answer(self, address: str, start: int, stop: int) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request; errors of the network within become _Again."""
        headers = {
            "Host": urlsplit(address).netloc,
            "User-Agent": "gluscope",
            "Accept-Encoding": "identity",
            "Range": f"bytes={start}-{stop - 1}",
        }
        if self._version is not None and self._version.condition:
            headers["If-Range"] = self._version.condition
        if self._place.token and origin(address) == origin(self._place.url):
            headers["Authorization"] = f"Bearer {self._place.token}"
        self.count += 1
        try:
            with self._connections.answer(address, headers) as answer:
                yield answer
        except ssl.SSLCertVerificationError as error:
            raise self._error(f"its certificate is not valid: {error.verify_message}", _AUTHORITY) from None
        except socket.gaierror:
            self._look()
            raise _Again("its host is not known, or there is no network") from None
        except TimeoutError:
            self._look()
            raise _Again(f"the server said nothing for {TIMEOUT:.0f} s") from None
        except (OSError, http.client.HTTPException) as error:
            self._look()
            if refused := _TUNNEL.match(str(error)):
                raise self._error(f"the proxy answers {_in_words(int(refused[1]))}", "look at https_proxy") from None
            what = error.strerror if isinstance(error, OSError) and error.strerror else "the answer was cut off"
            raise _Again(f"the connection failed: {what}") from None

    def _target(self, address: str, location: str) -> str:
        """Where a redirect leads."""
        target = urljoin(address, location)
        before, after = urlsplit(address), urlsplit(target)
        if not location or after.scheme not in ("http", "https") or not after.hostname:
            raise self._error("the server redirects to nowhere", "look at the address")
        if before.scheme == "https" and after.scheme != "https":
            raise self._error("the server redirects to an address without encryption", _DOWNLOAD)
        return target

    def _body(self, answer: http.client.HTTPResponse, start: int, stop: int) -> bytes:
        status = answer.status
        if status == 206:
            return self._range(answer, start, stop)
        if status in _AGAIN:
            raise _Again(f"the server answers {_in_words(status)}", _retry_after(answer.getheader("Retry-After")))
        if status == 200 and self._version is not None and self._version.condition:
            raise self._changed()
        if status in (412, 416) and self._version is not None:
            raise self._changed()
        raise self._refused(status)

    def _range(self, answer: http.client.HTTPResponse, start: int, stop: int) -> bytes:
        found = _RANGE.fullmatch((answer.getheader("Content-Range") or "").strip())
        encoding = (answer.getheader("Content-Encoding") or "identity").lower()
        if found is None or encoding != "identity":
            raise self._error("the server's ranges are not plain bytes of the file", _DOWNLOAD)
        first, last, size = map(int, found.groups())
        version = Version(size, answer.getheader("ETag") or "", answer.getheader("Last-Modified") or "")
        if self._version is None:
            self._version = version
        elif not _same(version, self._version):
            raise self._changed()
        if first != start or last != min(stop, size) - 1:
            raise self._error("the server gives another range than asked for", _DOWNLOAD)
        data = answer.read(last + 1 - first)
        if len(data) != last + 1 - first:
            raise _Again("the connection failed: the answer was cut off")
        self.received += len(data)
        return data

    def _changed(self) -> Changed:
        self.has_changed = True
        return Changed(self._place.shown)

    def _refused(self, status: int) -> GluscopeError:
        """The error for an answer that no further try changes."""
        if status == 200:
            return self._error("the server gives no ranges of a file, only the whole", _DOWNLOAD)
        if status in (401, 403):
            fix = "ask its owner for it, then set HF_TOKEN or run hf auth login" if self._place.on_hub else _DOWNLOAD
            return self._error(f"the server wants to know who reads it ({status})", fix)
        if status in (404, 410):
            return self._error(f"the server has no such file ({status})", "look at the address")
        if status == 416:
            return self._error("the file is empty", "look at the address")
        return self._error(f"the server answers {_in_words(status)}", "look at the address")

    def _error(self, what: str, fix: str) -> GluscopeError:
        return GluscopeError(f"{self._place.shown} can't be read: {what}", fix)


def _same(one: Version, other: Version) -> bool:
    """Whether two answers are about one version of the file; a header that one of them lacks says nothing."""
    return one.size == other.size and all(
        not a or not b or a == b for a, b in ((one.etag, other.etag), (one.modified, other.modified))
    )


def _in_words(status: int) -> str:
    phrase = http.client.responses.get(status, "")
    return f"{status} {phrase}".strip()


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, of a header in seconds or with a date."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip(), re.ASCII):
        return float(value)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None
