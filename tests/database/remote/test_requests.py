"""Ranges from a server: what is tried again, what is refused and how it is told; two versions are never mixed."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from indexer.database.remote.place import Place, find_place
from indexer.database.remote.requests import Changed, Requests, Stopped
from indexer.errors import GluscopeError
from tests.support.range_server import RangeServer, serving


@pytest.fixture
def asking(server: RangeServer) -> Requests:
    return Requests(find_place(server.url()))


@pytest.mark.slow
def test_a_range_is_the_bytes_of_the_file(asking: Requests, file: Path, server: RangeServer) -> None:
    content = file.read_bytes()
    assert asking.read(5, 105) == content[5:105]
    assert asking.read(len(content) - 7, len(content) + 100) == content[-7:]
    assert (asking.count, asking.received, asking.version.size) == (2, 107, len(content))
    assert (server.requests, server.sent) == (2, 107)


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_answer_that_may_change_is_asked_for_again(asking: Requests, server: RangeServer, status: int) -> None:
    server.behaviour.failures = [(status, {}), (status, {"Retry-After": "0"})]
    assert len(asking.read(0, 10)) == 10
    assert server.requests == 3


def test_it_is_not_asked_for_without_end(asking: Requests, server: RangeServer) -> None:
    server.behaviour.failures = [(503, {})] * 20
    with pytest.raises(GluscopeError, match="503 Service Unavailable"):
        asking.read(0, 10)
    assert server.requests == 5


@pytest.mark.slow
def test_a_server_may_ask_to_wait(asking: Requests, server: RangeServer) -> None:
    server.behaviour.failures = [(429, {"Retry-After": "1"})]
    began = time.monotonic()
    asking.read(0, 10)
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("as_a_date", [False, True])
def test_a_long_wait_is_told_instead(asking: Requests, server: RangeServer, as_a_date: bool) -> None:
    wait = formatdate(time.time() + 3600, usegmt=True) if as_a_date else "3600"
    server.behaviour.failures = [(429, {"Retry-After": wait})]
    with pytest.raises(GluscopeError, match=r"429 Too Many Requests, and asks to wait 3,\d\d\d s"):
        asking.read(0, 10)
    assert server.requests == 1


def test_a_cut_answer_is_asked_for_again(asking: Requests, server: RangeServer, file: Path) -> None:
    server.behaviour.cut = 2
    assert asking.read(0, 5000) == file.read_bytes()[:5000]
    assert server.requests == 3


def test_a_server_that_is_not_there_is_told(file: Path) -> None:
    with serving(file) as server:
        url = server.url()
    with pytest.raises(GluscopeError, match=r"tiny\.db can't be read: the connection failed: Connection refused"):
        Requests(find_place(url)).read(0, 10)


@pytest.mark.parametrize(
    ("status", "what"),
    [(401, r"wants to know who reads it \(401\)"), (403, "wants to know"), (404, r"has no such file \(404\)"),
     (410, "no such file"), (416, "is empty"), (418, "answers 418"), (301, "redirects to nowhere")],
)  # fmt: skip
def test_an_answer_that_stays_is_told_at_once(asking: Requests, server: RangeServer, status: int, what: str) -> None:
    server.behaviour.failures = [(status, {})]
    with pytest.raises(GluscopeError, match=what):
        asking.read(0, 10)
    assert server.requests == 1


def test_a_server_without_ranges_is_refused_and_nothing_downloaded(asking: Requests, server: RangeServer) -> None:
    server.behaviour.ranges = False
    with pytest.raises(GluscopeError, match="gives no ranges of a file, only the whole"):
        asking.read(0, 10)
    assert asking.received == 0


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}])
def test_packed_answers_are_refused(asking: Requests, server: RangeServer, headers: dict[str, str]) -> None:
    server.behaviour.headers = headers
    with pytest.raises(GluscopeError, match="not plain bytes of the file"):
        asking.read(0, 10)


def test_another_range_than_asked_for_is_refused(asking: Requests, server: RangeServer) -> None:
    server.behaviour.shift = 1
    with pytest.raises(GluscopeError, match="another range than asked for"):
        asking.read(0, 10)


@pytest.mark.parametrize("tag", ['"two"', 'W/"two"', None])
def test_a_file_that_changed_is_noticed(asking: Requests, server: RangeServer, file: Path, tag: str | None) -> None:
    asking.read(0, 10)
    server.behaviour.etag = tag
    if tag is None:
        file.write_bytes(file.read_bytes() + b"more")
    with pytest.raises(Changed, match="has changed on the server"):
        asking.read(10, 20)
    assert asking.has_changed


def test_a_weak_tag_and_a_date_tell_versions_apart_too(asking: Requests, server: RangeServer) -> None:
    server.behaviour.etag, server.behaviour.modified = 'W/"one"', "Mon, 01 Jan 2024 00:00:00 GMT"
    asking.read(0, 10)
    asking.read(10, 20)
    assert "If-Range" not in server.seen[1].headers
    server.behaviour.modified = "Mon, 01 Jan 2024 00:00:01 GMT"
    with pytest.raises(Changed):
        asking.read(20, 30)


def test_a_token_goes_to_its_own_host_only(server: RangeServer, file: Path) -> None:
    with serving(file) as other:
        server.behaviour.redirect = other.origin
        asking = Requests(Place("hf://datasets/me/data/x.db", server.url("x.db"), "hf_secret", on_hub=True))
        assert len(asking.read(0, 10)) == len(asking.read(10, 20)) == 10
        assert [one.headers.get("Authorization") for one in server.seen] == ["Bearer hf_secret"]
        assert [one.path for one in other.seen] == ["/x.db", "/x.db"]
        assert not any("Authorization" in one.headers for one in other.seen)


def test_a_redirect_that_has_expired_is_asked_for_again(server: RangeServer, file: Path) -> None:
    with serving(file) as other:
        server.behaviour.redirect = other.origin
        asking = Requests(find_place(server.url()))
        asking.read(0, 10)
        other.behaviour.failures = [(403, {})]
        assert asking.read(10, 20) == file.read_bytes()[10:20]
        assert (server.requests, other.requests) == (2, 3)


def test_redirects_in_a_circle_end(asking: Requests, server: RangeServer) -> None:
    server.behaviour.redirect = server.origin
    with pytest.raises(GluscopeError, match="redirects in a circle"):
        asking.read(0, 10)
    assert server.requests < 10


def test_no_message_has_a_token_or_a_query(server: RangeServer) -> None:
    server.behaviour.failures = [(status, {}) for status in (401, 404, 302)]
    for _ in range(3):
        asking = Requests(Place(server.url("x.db?sig=secret"), server.url("x.db?sig=secret"), "hf_secret"))
        with pytest.raises(GluscopeError) as told:
            asking.read(0, 10)
        assert "secret" not in str(told.value) + repr(told.value)
    assert all(one.headers["Authorization"] == "Bearer hf_secret" for one in server.seen)


def test_requests_go_through_the_proxy_of_the_environment(
    server: RangeServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.origin.replace("//", "//me:secret@"))
    asking = Requests(find_place("http://gluscope.example/data/x.db"))
    assert asking.read(3, 9) == file.read_bytes()[3:9]
    (seen,) = server.seen
    assert seen.path == "http://gluscope.example/data/x.db"
    assert seen.headers["Proxy-Authorization"] == "Basic bWU6c2VjcmV0"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert len(Requests(find_place(server.url())).read(0, 5)) == 5
    assert server.seen[-1].path == "/tiny.db"


def test_what_a_proxy_answers_is_told(server: RangeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.origin.replace("//", "//me:secret@"))
    with pytest.raises(GluscopeError, match="the proxy answers 501 Not Implemented") as told:
        Requests(find_place("https://gluscope.example/data/x.db")).read(0, 10)
    assert "secret" not in str(told.value)


def test_a_connection_is_used_again(asking: Requests, server: RangeServer) -> None:
    ports = set()
    for start in range(0, 50, 10):
        asking.read(start, start + 10)
        ports |= {
            connection.sock.getsockname()[1] for kept in asking._connections._free.values() for connection in kept
        }
    assert len(ports) == 1
    assert server.requests == 5


def test_another_thread_can_stop_a_request(asking: Requests, server: RangeServer) -> None:
    asking.read(0, 10)
    server.behaviour.delay = 5.0
    threading.Timer(0.2, asking.stop).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        asking.read(10, 20)
    assert time.monotonic() - began < 3.0
    server.behaviour.delay = 0.0
    asking.resume()
    assert len(asking.read(10, 20)) == 10
