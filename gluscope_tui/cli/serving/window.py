"""A window of a browser: a process of the explorer that begins with the window and is gone when the window is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, cast

from aiohttp import WSMsgType, web
from textual_serve._binary_encode import DecodeError
from textual_serve._binary_encode import load as unpacked
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

import gluscope_tui

from ...text.clean import clean
from ...tui.terminal.served import DRIVER, VARIABLE
from ..output import tell
from .packets import meta, of_message

GRACE = 3.0
"""Seconds in which an explorer keeps its position and ends, before it is ended."""
_BEGINS = b"__GANGLION__\n"
_OF_THE_TERMINAL = ("COLUMNS", "LINES", "COLORFGBG", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
_MOST_TOLD = 1 << 16  # bytes of what an explorer complains of


def environment(of_server: Mapping[str, str], size: tuple[int, int]) -> dict[str, str]:
    """The environment of an explorer: the server's, with a browser's window of this size as its terminal."""
    kept = {name: value for name, value in of_server.items() if name not in _OF_THE_TERMINAL}
    columns, rows = map(str, size)
    colours = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONIOENCODING": "utf-8"}
    return {**kept, **colours, VARIABLE: DRIVER, "COLUMNS": columns, "ROWS": rows}


class Window:
    """An explorer and the websocket of its window. `run` returns when both have ended."""

    def __init__(self, socket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        self.app_service_id = str(id(self))  # by which downloads are told apart
        self._socket = socket
        self._downloads = downloads
        self._process: Process | None = None
        self._told = b""

    async def run(self, command: Sequence[str], size: tuple[int, int]) -> None:
        """Start the explorer, carry what both sides say, and end it with the window."""
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment(os.environ, size),
            cwd=Path(gluscope_tui.__file__).parents[1],  # so that it runs the same code
            start_new_session=True,  # Ctrl-C in the server's terminal is for the server, which ends it
        )
        complaints = asyncio.create_task(self._listen(self._process))
        sides = [asyncio.create_task(self._show(self._process)), asyncio.create_task(self._hear())]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            ended = await asyncio.gather(*sides, return_exceptions=True)
            await self._end(self._process)
            await complaints
            await self._close()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _show(self, process: Process) -> None:
        """Send the window what the explorer draws, until it ends."""
        assert process.stdout is not None
        read = process.stdout.readexactly
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            if await process.stdout.readline() != _BEGINS:
                return
            while True:
                kind, size = await read(1), int.from_bytes(await read(4), "big")
                payload = await read(size)
                if kind == b"D":
                    await self._socket.send_bytes(payload)
                elif kind == b"M" and not await self._take(json.loads(payload)):
                    return
                elif kind == b"P":
                    await self._hand_on(payload)

    async def _hear(self) -> None:
        """Give the explorer what is typed in the window, until that is closed."""
        async for message in self._socket:
            if message.type is WSMsgType.TEXT and (found := of_message(message.data)) is not None:
                await self._say(found)

    async def _say(self, packet: bytes) -> bool:
        """Send the explorer a packet; whether it can still be reached."""
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            return False
        try:
            self._process.stdin.write(packet)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def send_meta(self, data: dict[str, Any]) -> bool:
        """For the downloads: ask the explorer for a piece of a file."""
        return await self._say(meta(**data))

    async def _take(self, told: dict[str, Any]) -> bool:
        """Do what the explorer asks beside drawing. Returns whether it goes on."""
        if told.get("type") == "deliver_file_start":
            key = str(told["key"])
            await self._downloads.create_download(
                app_service=cast(AppService, self),
                delivery_key=key,
                file_name=PurePosixPath(str(told["path"])).name,
                open_method="download",
                mime_type=str(told["mime_type"]),
                encoding=None,
            )
            await self._socket.send_json(["deliver_file_start", key])
        return told.get("type") != "exit"

    async def _hand_on(self, payload: bytes) -> None:
        """Pass a piece of a file on to the download that waits for it."""
        with suppress(DecodeError, ValueError):
            match unpacked(payload):
                case ("deliver_chunk", str(key), bytes(piece)):
                    await self._downloads.chunk_received(key, piece)

    async def _listen(self, process: Process) -> None:
        """Keep what the explorer complains of."""
        assert process.stderr is not None
        while piece := await process.stderr.read(4096):
            self._told = (self._told + piece)[:_MOST_TOLD]

    async def _end(self, process: Process) -> None:
        """End the explorer: it keeps its position; one that hangs is killed."""
        await self._downloads.cancel_app_downloads(self.app_service_id)
        await self._say(meta(type="quit"))
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.gather(process.stdout.read(), process.wait()), GRACE)
        except asyncio.TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _close(self) -> None:
        """Say in the window and in the server's terminal what the explorer complained of, and close the window."""
        lines = [clean(line) for line in self._told.decode("utf-8", "replace").splitlines() if line.strip()]
        for line in lines:
            tell(f"a window: {line}")
        with suppress(ConnectionError, RuntimeError):
            if lines and not self._socket.closed:
                await self._socket.send_bytes("\r\n".join(("\x1bc", *lines)).encode())
            await self._socket.close()


def explorer(*words: str) -> list[str]:
    """The command line of an explorer for a window."""
    return [sys.executable, "-m", "gluscope_tui", "tui", *words]
