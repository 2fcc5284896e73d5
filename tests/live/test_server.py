"""The process beside the explorer: its lines, its errors, and that it ends with its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import GluscopeError
from indexer.live import protocol
from indexer.live.requests import REQUESTS, State, take
from indexer.live.server import Server
from indexer.progress import Progress, Report

SERVER = [sys.executable, "-m", "indexer.live.server"]


class Talk:
    """A server process, spoken to line by line."""

    def __init__(self, stderr: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        self.heard: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, id_: int) -> dict[str, Any]:
        """The last line about a request; those before it are kept in `heard`."""
        assert self.process.stdout is not None
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            self.heard.append(message)
            if message["id"] == id_ and not {"progress", "notice"} & message.keys():
                return message

    def ask(self, id_: int, do: str, **arguments: Any) -> dict[str, Any]:
        self.say(id=id_, do=do, **arguments)
        return self.answer(id_)


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.process.kill()
    talk.process.communicate()


@pytest.mark.slow
def test_a_session_from_hello_to_bye(live_index: Path, talk: Talk) -> None:
    hello = talk.ask(1, "hello")["ok"]
    assert hello["protocol"] == protocol.VERSION
    assert hello["torch"]
    loaded = talk.ask(2, "load", db=str(live_index))["ok"]
    assert (loaded["context"], loaded["no_logit"]) == (48, None)
    assert any("loading" in one["progress"]["message"] for one in talk.heard if "progress" in one)
    read = talk.ask(3, "prompt", text="the cat sat")["ok"]
    assert "".join(read["tokens"]).endswith("the cat sat")
    assert read["counted"] == list(range(1, len(read["tokens"])))
    values = talk.ask(4, "neuron", neuron="L1N3")["ok"]
    assert values["gate"][0] is None
    assert all(isinstance(one, float) for one in values["post"][1:])
    last = read["counted"][-1]
    rows = talk.ask(5, "rows", position=last, limit=3)["ok"]
    assert [row["position"] for row in rows["rows"]] == [last] * 3
    one = next(row for row in talk.ask(6, "rows", position=last)["ok"]["rows"] if row["neuron"] == "L1N3")
    assert one["post"] == values["post"][last]
    assert talk.ask(7, "rows", position=last, where="layer = 0")["ok"]["rows"][0]["neuron"].startswith("L0")
    assert talk.ask(8, "rows", position=last, where="layer >")["error"]["fix"]
    assert "no values" in talk.ask(9, "rows", position=0)["error"]["cause"]
    assert "has room" in talk.ask(10, "prompt", text="7" * 2_000_000)["error"]["cause"]
    assert "no tokens" in talk.ask(11, "prompt", text="")["error"]["cause"]
    talk.say(id=12, do="bye")
    assert talk.process.wait(10) == 0
    assert talk.process.stderr is not None
    assert talk.process.stderr.read() == b""


@pytest.mark.slow
def test_what_can_not_be_asked_is_told_and_the_process_goes_on(talk: Talk) -> None:
    assert "no model is loaded" in talk.ask(1, "prompt", text="a")["error"]["cause"]
    assert "unknown request" in talk.ask(2, "fly")["error"]["cause"]
    assert talk.process.stdin is not None
    talk.process.stdin.write(b"nonsense\n[1]\n" + b"[" * 100_000 + b"\n")
    talk.process.stdin.flush()
    assert talk.answer(0)["error"]
    assert "needs db" in talk.ask(4, "load", db=7)["error"]["cause"]
    missing = talk.ask(5, "load", db="/nowhere/x.db")["error"]
    assert "/nowhere/x.db" in missing["cause"]
    assert talk.ask(6, "hello")["ok"]


def test_the_process_ends_when_its_input_does() -> None:
    talk = Talk()
    assert talk.ask(1, "hello")["ok"]
    assert talk.process.stdin is not None
    talk.process.stdin.close()
    assert talk.process.wait(10) == 0


PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen({SERVER!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdin.write(b'{{"id": 1, "do": "hello"}}\\n'); child.stdin.flush()
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_the_process_ends_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it outlived its parent")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Pipes:
    """A server in this process, with requests of the test's own."""

    def __init__(self, **requests: Any) -> None:
        (self._in, write), (read, self._out) = os.pipe(), os.pipe()
        self.say_to, self.heard_from = os.fdopen(write, "wb"), os.fdopen(read, "rb")
        import threading

        server = Server(os.fdopen(self._in, "rb"), os.fdopen(self._out, "wb"), {**REQUESTS, **requests})
        threading.Thread(target=server.run, daemon=True).start()

    def say(self, **message: Any) -> None:
        self.say_to.write(protocol.encode(message))
        self.say_to.flush()

    def line(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.heard_from.readline())
        return found


def test_a_cancelled_request_ends_at_its_next_report_and_one_that_waits_is_never_begun() -> None:
    begun = []

    def slow(_state: State, request: dict[str, Any], report: Report) -> dict[str, Any]:
        begun.append(request["id"])
        for number in range(1000):
            report(Progress("slow", number, 1000, message="slowly"))
            time.sleep(0.01)
        return {}

    pipes = Pipes(slow=slow)
    pipes.say(id=1, do="slow")
    assert pipes.line()["progress"]["message"] == "slowly"
    pipes.say(id=2, do="slow")
    pipes.say(id=3, do="cancel", request=2)
    pipes.say(id=4, do="cancel", request=1)
    while "progress" in (first := pipes.line()):
        pass
    assert first == {"id": 1, "cancelled": True}
    assert pipes.line() == {"id": 2, "cancelled": True}
    assert begun == [1]
    pipes.say(id=5, do="hello")
    assert pipes.line()["ok"]
    pipes.say(id=6, do="bye")


def test_a_bug_in_a_request_is_told_as_one_and_the_next_is_answered() -> None:
    def broken(_state: State, request: dict[str, Any], _report: Report) -> dict[str, Any]:
        take(request, "absent", str, "default")
        raise ZeroDivisionError("by zero")

    def lacking(_state: State, _request: dict[str, Any], _report: Report) -> dict[str, Any]:
        raise ModuleNotFoundError("No module named 'torch'")

    pipes = Pipes(broken=broken, lacking=lacking)
    pipes.say(id=1, do="broken")
    told = pipes.line()
    assert told["error"]["cause"] == "ZeroDivisionError: by zero"
    assert "broken" in told["trace"]
    pipes.say(id=2, do="lacking")
    assert "pip install" in pipes.line()["error"]["fix"]
    pipes.say(id=3, do="hello")
    assert pipes.line()["ok"]
    pipes.say(id=4, do="bye")


def test_an_argument_of_another_type_is_refused() -> None:
    assert take({"a": None}, "a", int, 3) == 3
    with pytest.raises(GluscopeError, match="needs a as int"):
        take({"a": True}, "a", int, 3)
    with pytest.raises(GluscopeError, match="needs b as str"):
        take({}, "b", str)
