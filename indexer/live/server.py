"""`python -m indexer.live.server`: the process beside the explorer, which runs a model for it over its pipes.

The main thread reads requests and ends the process when its input ends, whatever a worker is doing: so it ends with its
parent, however that ends. The worker does one request after another. Nothing but answers is written to the output; what
libraries print goes to stderr if that is a file or a pipe, else nowhere.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, BinaryIO

from ..errors import GluscopeError
from ..progress import Progress
from . import protocol
from .requests import REQUESTS, Handler, State

_PAUSE = 0.1  # seconds between two reports of progress
_PULSE = 5.0  # seconds after which the last report is said again, with the time since
_LONGEST_TRACE = 4000  # characters


class Cancelled(Exception):
    """Raised inside a request that was cancelled."""


class Server:
    """Answers the requests of `read` on `write`, in order."""

    def __init__(self, read: BinaryIO, write: BinaryIO, requests: Mapping[str, Handler] = REQUESTS) -> None:
        self._read = read
        self._write = write
        self._requests = requests
        self._waiting: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._cancelled: set[int] = set()
        self._writing = threading.Lock()
        self._said: tuple[int, Progress, float] | None = None  # the running request's last report, and when that was
        self._state = State()

    def run(self) -> None:
        """Until `bye`, or the end of the input."""
        for work in (self._work, self._pulse):
            threading.Thread(target=work, daemon=True).start()
        while line := self._read.readline(protocol.LONGEST):
            try:
                message = protocol.decode(line)
            except ValueError as error:
                self._send(protocol.error(0, GluscopeError(f"a line is not a request: {error}", "")))
                continue
            if message.get("do") == "bye":
                return
            if message.get("do") == "cancel":
                if type(message.get("request")) is int:
                    self._cancelled.add(message["request"])
                continue
            self._waiting.put(message)

    def _work(self) -> None:
        while True:
            message = self._waiting.get()
            answer = self._answer(message)
            self._said = None
            self._send(answer)
            self._cancelled.discard(message["id"])  # so the set doesn't grow

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        id_ = message["id"]
        handler = self._requests.get(str(message.get("do")))
        if handler is None:
            fix = f"it can be asked: {', '.join(self._requests)}"
            return protocol.error(id_, GluscopeError(f"unknown request {message.get('do')!a:.60}", fix))
        try:
            self._demand_wanted(id_)
            return {"id": id_, "ok": handler(self._state, message, self._reporter(id_))}
        except Cancelled:
            return {"id": id_, "cancelled": True}
        except GluscopeError as error:
            return protocol.error(id_, error)
        except ModuleNotFoundError as error:
            told = GluscopeError(f"the libraries that run models are not installed: {error}", "pip install '.[index]'")
            return protocol.error(id_, told)
        except Exception as error:  # a bug, told to the asker: the process goes on
            bug = protocol.error(id_, GluscopeError(f"{type(error).__name__}: {error}", "this is a bug in gluscope"))
            return {**bug, "trace": traceback.format_exc()[-_LONGEST_TRACE:]}

    def _demand_wanted(self, id_: int) -> None:
        if id_ in self._cancelled:
            raise Cancelled

    def _reporter(self, id_: int) -> Any:
        last = [0.0]

        def report(progress: Progress) -> None:
            self._demand_wanted(id_)
            now = time.monotonic()
            same = progress.done and progress.done != progress.total
            if progress.phase != "notice" and same and now - last[0] < _PAUSE:
                return
            last[0] = now
            if progress.phase != "notice":
                self._said = (id_, progress, now)
            self._send(protocol.report(id_, progress))

        return report

    def _pulse(self) -> None:
        """Say again and again what takes long, so that its asker sees that it goes on."""
        while True:
            time.sleep(_PULSE)
            said = self._said
            if said is not None and (passed := time.monotonic() - said[2]) >= _PULSE:
                message = f"{said[1].message or said[1].phase}, {passed:.0f} s"
                self._send(protocol.report(said[0], replace(said[1], message=message)))

    def _send(self, message: dict[str, Any]) -> None:
        line = protocol.encode(message)
        try:
            with self._writing:
                self._write.write(line)
                self._write.flush()
        except (OSError, ValueError):  # nobody reads it any longer
            os._exit(0)


def _private(descriptor: int, flags: int) -> int:
    """A copy of a standard stream that nobody else knows; the stream itself leads nowhere from here on."""
    own = os.dup(descriptor)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return own


def main() -> None:
    """Serve this process's parent."""
    read, write = _private(0, os.O_RDONLY), _private(1, os.O_WRONLY)
    if os.isatty(2):
        os.close(_private(2, os.O_WRONLY))
    try:
        with os.fdopen(read, "rb") as requests, os.fdopen(write, "wb") as answers:
            Server(requests, answers).run()
            os._exit(0)
    except KeyboardInterrupt:
        os._exit(0)


if __name__ == "__main__":
    main()
