"""The process that runs a model for the explorer: started when it is needed, spoken to in lines, gone with it.

Two threads carry the lines; the explorer never waits for them. The process ends when its input does, so it ends with
the explorer, whatever way that ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import indexer
from indexer.live import protocol

from ...kept.files import state_folder

SERVER: Sequence[str] = (sys.executable, "-m", "indexer.live.server")
Heard = Callable[[dict[str, Any]], None]


def live_log() -> Path:
    """The file for what the process prints."""
    return state_folder() / "live.log"


class LiveProcess:
    """Starts the process at the first request. What it says, and `{"ended": exit code}`, goes to `heard`, which is
    called in a thread."""

    def __init__(self, heard: Heard, command: Sequence[str] = SERVER, log: Path | None = None) -> None:
        self._heard = heard
        self._command = tuple(command)
        self._log = log
        self._running: _Running | None = None
        self._last = 0

    def ask(self, do: str, **arguments: Any) -> int:
        """Send a request, and return its number. A process that can't be started is told as one that has ended."""
        self._last += 1
        message = {"id": self._last, "do": do, **{name: one for name, one in arguments.items() if one is not None}}
        if self._running is None or self._running.ended:
            self._running = _Running(self._command, self._heard, self._log)
        self._running.send(message)
        return self._last

    def cancel(self, number: int) -> None:
        """Ask for no answer to a request any longer."""
        if self._running is not None and not self._running.ended:
            self.ask("cancel", request=number)

    @property
    def runs(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._running is not None and not self._running.ended

    def stop(self) -> None:
        """End the process at once; it keeps nothing."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()


class _Running:
    """One run of the process."""

    def __init__(self, command: Sequence[str], heard: Heard, log: Path | None) -> None:
        self.ended = False
        self._stopped = False
        self._heard = heard
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        self._process = _started(command, log)
        if self._process is None:
            self.ended = True
            heard({"ended": None})
            return
        for work in (self._write, self._read):
            threading.Thread(target=work, name="gluscope-live", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        self._waiting.put(protocol.encode(message))

    def stop(self) -> None:
        self._stopped = True
        self._waiting.put(None)
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()

    def _write(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            while (line := self._waiting.get()) is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        with suppress(OSError, ValueError):
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            while line := self._process.stdout.readline(protocol.LONGEST):
                with suppress(ValueError):
                    if isinstance(message := json.loads(line), dict):
                        self._say(message)
        code = self._process.wait()
        self.ended = True
        self._waiting.put(None)
        self._say({"ended": code})

    def _say(self, message: dict[str, Any]) -> None:
        if not self._stopped:
            self._heard(message)


def _started(command: Sequence[str], log: Path | None) -> subprocess.Popen[bytes] | None:
    """The process, in a session of its own, so that keys and signals of the terminal don't reach it; None if it can't
    be started. What it prints besides answers goes to the log."""
    folder = Path(indexer.__file__).parents[1]  # so that it runs the same code, wherever the explorer was started
    errors: Any = subprocess.DEVNULL
    if log is not None:
        with suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            errors = log.open("wb")
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            start_new_session=True,
        )
    except OSError:
        return None
    finally:
        if errors is not subprocess.DEVNULL:
            errors.close()
