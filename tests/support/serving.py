"""`gluscope serve` as a process, and windows as websockets: what a browser would say and show."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

ROOT = Path(__file__).parents[2]
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?<>=$]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>c])")
_PATIENCE = 90.0  # seconds


class Served:
    """A running server. `told` is what it said on stderr so far."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self._log = log
        self.address = process.stdout.readline().strip().rstrip("/")

    @property
    def host(self) -> str:
        """Its name and port."""
        return self.address.partition("//")[2]

    @property
    def told(self) -> str:
        return self._log.read_text("utf-8")

    def explorers(self) -> set[int]:
        """The processes that it started and that still run."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = (line.split() for line in listed.stdout.splitlines())
        return {int(pid) for pid, parent, state in rows if int(parent) == self.process.pid and state[0] != "Z"}


@contextmanager
def served(index: Path, state: Path, *words: str, **environment: str) -> Iterator[Served]:
    """A server on a free port, in a folder of its own; it ends with the block."""
    here = state.parent / "served"
    here.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    env |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state), **environment}
    log = here.with_name("served.log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gluscope_tui", "serve", "--port", "0", "--db", str(index), *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=env,
            cwd=here,
        )
    try:
        yield Served(process, log)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def without_sequences(drawn: str) -> str:
    """The text that was drawn, without colours and moves of the cursor."""
    return _SEQUENCE.sub("", drawn)


class Page:
    """A window: what was drawn in it, and the messages for its script."""

    def __init__(self, socket: ClientWebSocketResponse[bool]) -> None:
        self._socket = socket
        self.drawn = b""
        self.said: list[list[str]] = []
        self.closed = False

    @property
    def text(self) -> str:
        """What was drawn, without colours and moves of the cursor."""
        return without_sequences(self.drawn.decode("utf-8", "replace"))

    async def send(self, *message: object) -> None:
        await self._socket.send_str(json.dumps(message))

    async def type(self, keys: str) -> None:
        await self.send("stdin", keys)

    async def until(self, text: str) -> None:
        """Read until some text was drawn; what was drawn before is forgotten."""
        await self._until(lambda: text in self.text, text)
        self.drawn = b""

    async def until_said(self) -> list[str]:
        """The next message for the script."""
        await self._until(lambda: bool(self.said), "a message")
        return self.said.pop(0)

    async def until_closed(self) -> None:
        await self._until(lambda: self.closed, "the end")

    async def _until(self, there: object, what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not there():  # type: ignore[operator]  # a function without arguments
            if self.closed:
                raise EOFError(f"the window was closed before {what!r}: {self.text[-300:]!r}")
            if time.monotonic() > end:
                raise TimeoutError(f"no {what!r} in {self.text[-300:]!r}")
            message = await self._socket.receive(timeout=max(0.01, end - time.monotonic()))
            if message.type is WSMsgType.BINARY:
                self.drawn += message.data
            elif message.type is WSMsgType.TEXT:
                self.said.append(json.loads(message.data))
            else:
                self.closed = True


async def opened(client: ClientSession, server: Served, size: tuple[int, int] = (100, 30)) -> Page:
    """A window of the page that the server gives."""
    socket = await client.ws_connect(
        f"{server.address}/ws?width={size[0]}&height={size[1]}", headers={"Origin": server.address}
    )
    return Page(socket)


async def close(page: Page) -> None:
    """Close a window, as a browser does."""
    await page._socket.close()


async def alone(server: Served, count: int) -> None:
    """Wait until the server has only so many explorers."""
    end = time.monotonic() + _PATIENCE
    while len(server.explorers()) != count:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(server.explorers())} explorers run, not {count}")
        await asyncio.sleep(0.05)
