"""`gluscope serve`: windows with explorers of their own, nothing for other pages, and nothing left behind."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from gluscope_tui.cli.app import run
from gluscope_tui.cli.serving.names import names_of
from gluscope_tui.cli.serving.packets import of_message
from gluscope_tui.cli.serving.window import environment
from tests.support.hostile import harmful
from tests.support.index_fixture import make_index
from tests.support.serving import Served, alone, close, opened, served

CLIPBOARD = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "hostile.db"
    make_index(path, layers=4, width=40, documents=120)
    return path


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "state"


@pytest.fixture(scope="module")
def server(index: Path, state: Path) -> Iterator[Served]:
    with served(index, state, "L2N3") as found:
        yield found


@pytest.mark.slow
async def test_each_window_has_an_explorer_that_takes_keys_and_sizes_and_ends_with_it(
    server: Served, state: Path
) -> None:
    async with ClientSession() as client:
        one, other = await opened(client, server), await opened(client, server, (30, 5))
        await one.until("? help")
        await other.until("gluscope needs")
        assert len(server.explorers()) == 2
        await one.type("j")
        await one.until("L2N4")
        await other.send("resize", {"width": 100, "height": 30})
        await other.until("L2N3")
        await other.type("k")
        await other.until("L2N2")
        assert "L2N2" not in one.text
        await close(other)
        await alone(server, 1)
        kept = next(state.glob("gluscope/*/state.json"))
        assert json.loads(kept.read_text())["neuron"] == "L2N2"
        await one.type("q")
        await one.until_closed()
        await alone(server, 0)
        assert json.loads(kept.read_text())["neuron"] == "L2N4"
    assert "L2N" not in server.told  # what windows show isn't in the server's terminal


@pytest.mark.slow
async def test_nothing_hostile_of_the_corpus_reaches_a_window(server: Served) -> None:
    async with ClientSession() as client:
        page = await opened(client, server)
        await page.until("? help")
        for number in (4, 5, 6, 7):
            await page.type("j")
            await page._until(lambda name=f"L2N{number}": name in page.text, "the next neuron")
        assert set(page.text) & set("⟨␛␀")  # what stands in its place
        assert harmful(page.text.translate(dict.fromkeys(b"\r\n\x07"))) == []
        assert b"\x1b]52" not in page.drawn
        await close(page)
    await alone(server, 0)


@pytest.mark.slow
async def test_files_and_copies_go_to_the_browser_and_nowhere_else(server: Served, state: Path) -> None:
    async with ClientSession() as client:
        page = await opened(client, server)
        await page.until("? help")
        await page.type("X")
        await page.until("gives it to the browser")
        await page.type("\r")
        what, key = await page.until_said()
        assert what == "deliver_file_start"
        async with client.get(f"{server.address}/download/{key}") as answer:
            assert answer.headers["Content-Disposition"] == 'attachment; filename="L2N3.html"'
            assert (await answer.text()).rstrip().endswith("</html>")
        async with client.get(f"{server.address}/download/{key}") as answer:
            assert answer.status == 404
        await page.type("y")
        await page.until("sent to the browser")
        await page.type("o")
        await page.until("a browser has no pager")
        await page.type("\x1a")
        await page.until("there is no shell in a browser")
        await close(page)
    await alone(server, 0)
    assert not list((state.parent / "served").iterdir())
    assert not list(state.rglob("copied.txt"))


@pytest.mark.slow
async def test_a_copy_is_the_citation(server: Served) -> None:
    async with ClientSession() as client:
        page = await opened(client, server)
        await page.until("? help")
        await page.type("y")
        while not (found := CLIPBOARD.search(page.drawn)):
            await page._until(lambda: b"\x07" in page.drawn, "a copy")
        assert "L2N3" in base64.b64decode(found[1]).decode()
        await close(page)
    await alone(server, 0)


async def test_only_pages_of_its_own_open_windows(server: Served) -> None:
    """By Origin (a page that the person visits) and by Host (a name that is made to lead here)."""
    port = server.host.partition(":")[2]
    refused = [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": f"http://evil.example:{port}", "Host": f"evil.example:{port}"},
        {"Origin": f"http://localhost:{port}"},  # not the host that is asked
        {"Origin": "null"},
        {"Origin": ""},
    ]
    async with ClientSession() as client:
        for headers in refused:
            with pytest.raises(WSServerHandshakeError) as error:
                await client.ws_connect(f"{server.address}/ws", headers=headers)
            assert error.value.status == 403
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect(f"{server.address}/ws")
        async with client.get(server.address, headers={"Host": f"evil.example:{port}"}) as answer:
            assert answer.status == 403
            assert "--name" in await answer.text()
    assert not server.explorers()


async def test_the_page_asks_for_nothing_elsewhere_and_no_page_may_hold_it(server: Served) -> None:
    async with ClientSession() as client:
        async with client.get(server.address) as answer:
            html, headers = await answer.text(), answer.headers
        for name in re.findall(r'(?:src|href)="(/[^"]+)"', html):
            async with client.get(server.address + name) as answer:
                assert answer.status == 200
                if name.endswith(".css"):
                    html += re.sub(r"/\*.*?\*/", "", await answer.text(), flags=re.DOTALL)
    assert re.findall(r"https?://\S+|//\w+\.", html) == []
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_end_of_the_server_is_the_end_of_its_explorers(
    index: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with served(index, tmp_path / "state", "L2N3") as server:
        async with ClientSession() as client:
            page = await opened(client, server)
            await page.until("? help")
            await page.type("j")
            await page.until("L2N4")
            (explorer,) = server.explorers()
            server.process.send_signal(number)
            ended = await asyncio.to_thread(server.process.wait, 30)
            assert ended == (-number if number == signal.SIGKILL else 130)
            await page.until_closed()
        end = time.monotonic() + 10
        while runs(explorer):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert "Traceback" not in server.told
    kept = next((tmp_path / "state").glob("gluscope/*/state.json"))
    assert json.loads(kept.read_text())["neuron"] == "L2N4"


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
async def test_what_an_explorer_complains_of_is_said_in_its_window_and_by_the_server(
    index: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "gone.db"
    moved.write_bytes(index.read_bytes())
    with served(moved, tmp_path / "state") as server:
        moved.unlink()
        async with ClientSession() as client:
            page = await opened(client, server)
            await page.until("gone.db")
            await page.until_closed()
        assert "a window: error: " in server.told
        await alone(server, 0)


def test_a_server_that_cannot_listen_says_so_in_one_line(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port), "--db", str(index)]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: port {port} of 127.0.0.1 is taken: name another with --port\n")
    assert run(["serve", "--host", "no.such.host.invalid", "--db", str(index)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run(["serve", "L9N9", "--db", str(index)]) == 2
    assert "there is no L9" in capsys.readouterr().err


@pytest.mark.slow
def test_another_host_is_told_to_have_no_login(index: Path, tmp_path: Path) -> None:
    for host, warned in (("127.0.0.1", False), ("0.0.0.0", True)):
        with served(index, tmp_path / "state", "--host", host) as server:
            assert server.address.startswith("http://")
            assert ("anyone who reaches port" in server.told and "there is no login" in server.told) is warned


@pytest.mark.parametrize(
    ("listens", "asked", "answers"),
    [
        ("127.0.0.1", "localhost:8000", True),
        ("127.0.0.1", "LOCALHOST:9", True),
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "[::1]:8000", True),
        ("127.0.0.1", "192.168.1.7:8000", False),
        ("127.0.0.1", "evil.example:8000", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "proxy.example", True),  # added by --name
        ("127.0.0.1", "evil@localhost:8000", False),
        ("127.0.0.1", "localhost:8000; script-src *", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "192.168.1.7:8000", True),
        ("0.0.0.0", f"{socket.gethostname()}:8000", True),
        ("0.0.0.0", "evil.example:8000", False),
    ],
)
def test_only_names_that_lead_here_are_answered(listens: str, asked: str, answers: bool) -> None:
    names = names_of(listens, ["Proxy.example:8443"])
    assert names.has(asked) is answers
    assert names.from_own_page(asked, f"https://{asked}") is answers
    assert not names.from_own_page(asked, "https://other.example")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('["stdin", "j"]', b"D\x00\x00\x00\x01j"),
        ('["stdin", "\\ud800"]', b"D\x00\x00\x00\x01?"),
        ('["resize", {"width": 1e999, "height": -5}]', {"type": "resize", "width": 80, "height": 2}),
        ('["resize", {"width": 4000000000, "height": "x"}]', {"type": "resize", "width": 1000, "height": 24}),
        ('["focus"]', {"type": "focus"}),
        ('["ping", "1"]', None),
        ('["stdin", 5]', None),
        ('{"stdin": 5}', None),
        ("[" * 100_000, None),
        ("not json", None),
        ("[]", None),
    ],
)
def test_a_message_becomes_a_packet_or_nothing(message: str, expected: bytes | dict[str, object] | None) -> None:
    found = of_message(message)
    if isinstance(expected, dict):
        assert found is not None
        assert found[:1] == b"M"
        assert int.from_bytes(found[1:5], "big") == len(found) - 5
        assert json.loads(found[5:]) == expected
    else:
        assert found == expected


def test_the_terminal_of_the_server_is_not_that_of_its_windows() -> None:
    server = {"TERM": "dumb", "TMUX": "/tmp/x", "LINES": "5", "COLORFGBG": "0;15", "NO_COLOR": "1", "HOME": "/h"}
    found = environment(server, (90, 40))
    assert (found["TERM"], found["COLUMNS"], found["ROWS"], found["HOME"]) == ("xterm-256color", "90", "40", "/h")
    assert found.keys().isdisjoint({"TMUX", "LINES", "COLORFGBG"})
    assert found["NO_COLOR"] == "1"  # the user's wish
