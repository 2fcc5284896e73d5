"""Measures the explorer's speed: start-up, key to full screen through tmux, bytes a key.

    python benchmarks/tui.py [--db FILE] [--keys 40] [--size 120x40]

Without --db it uses the demo's index. Prints one figure a line, with the project's limit.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
READY = b"? help"
_SERVERS = itertools.count()
QUIET = 0.35
"""Seconds without a byte after which a screen counts as finished."""


class Explorer:
    """`gluscope tui` in its own pty."""

    def __init__(self, db: Path, size: tuple[int, int], environment: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-m", "gluscope_tui", "tui", str(db)], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def read_until(self, text: bytes) -> float:
        """Seconds from the start until the text appears."""
        seen = b""
        while text not in seen:
            seen += os.read(self.fd, 65536)
        return time.perf_counter() - self.started

    def read_quiet(self) -> int:
        """The bytes written until no more come."""
        count = 0
        while select.select([self.fd], [], [], QUIET)[0]:
            count += len(os.read(self.fd, 65536))
        return count

    def press(self, key: bytes) -> None:
        os.write(self.fd, key)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        while select.select([self.fd], [], [], 3)[0]:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def environment(state: str, term: str, colorterm: str = "") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return {**kept, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": state, "TERM": term, "COLORTERM": colorterm}


def start_up(db: Path, size: tuple[int, int], state: str, rounds: int = 7) -> list[float]:
    """Seconds from the start of the process to the complete first screen."""
    times = []
    for _ in range(rounds):
        explorer = Explorer(db, size, environment(state, "xterm-256color", "truecolor"))
        times.append(explorer.read_until(READY))
        explorer.end()
    return times


def bytes_a_key(db: Path, size: tuple[int, int], state: str, keys: int, term: str, colorterm: str) -> list[int]:
    """The bytes written for each change of neuron, key by key."""
    explorer = Explorer(db, size, environment(state, term, colorterm))
    explorer.read_until(READY)
    explorer.read_quiet()
    counts = []
    for number in range(keys):
        explorer.press(b"j" if number % 4 else b"l")
        counts.append(explorer.read_quiet())
    explorer.end()
    return counts


class Tmux:
    """The explorer in its own tmux server."""

    def __init__(self, db: Path, size: tuple[int, int], state: str) -> None:
        self.socket = f"gluscope-benchmark-{os.getpid()}-{next(_SERVERS)}"
        words = [
            "env",
            *(f"{name}={value}" for name, value in environment(state, "tmux-256color", "truecolor").items()),
        ]
        words += [sys.executable, "-m", "gluscope_tui", "tui", str(db)]
        self.ask("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *words)

    def ask(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.socket, "-f", os.devnull, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    def screen(self) -> str:
        return self.ask("capture-pane", "-p", "-e")

    def wait_for(self, text: str) -> None:
        while text not in self.screen():
            time.sleep(0.05)


def key_to_screen(
    db: Path, size: tuple[int, int], state: str, keys: int, pressed_in_turn: str = "jjlj", opened_by: str = ""
) -> list[float]:
    """Seconds from a key to the final screen, found by capturing tmux's pane repeatedly."""
    tmux = Tmux(db, size, state)
    try:
        tmux.wait_for(READY.decode())
        time.sleep(0.5)
        if opened_by:
            tmux.ask("send-keys", opened_by)
            time.sleep(2)
        times = []
        for number in range(keys):
            seen: list[tuple[float, str]] = []
            pressed = time.perf_counter()
            tmux.ask("send-keys", pressed_in_turn[number % len(pressed_in_turn)])
            while time.perf_counter() - pressed < 0.5:
                screen = tmux.screen()
                seen.append((time.perf_counter() - pressed, screen))
            times.append(next(at for at, screen in seen if screen == seen[-1][1]))
        return times
    finally:
        tmux.ask("kill-server")


def told(name: str, values: list[float], unit: str, limit: float) -> str:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{name:<28} p50 {statistics.median(values):8.1f} {unit}  p95 {p95:8.1f} {unit}  limit {limit:g} {unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--size", default="120x40")
    options = parser.parse_args()
    db = options.db
    if db is None:
        sys.path.insert(0, str(ROOT))
        from indexer.cache import demo_path

        db = demo_path()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as state:
        size = (width, height)
        print(told("start-up", [1000 * s for s in start_up(db, size, state)], "ms", 1000))
        if shutil.which("tmux"):
            times = key_to_screen(db, size, state, options.keys)
            print(told("key to screen, tmux", [1000 * s for s in times], "ms", 120))
            times = key_to_screen(db, size, state, options.keys, "JJkJ", opened_by="L")
            print(told("page of the table, tmux", [1000 * s for s in times], "ms", 120))
        counts = bytes_a_key(db, size, state, options.keys, "xterm-256color", "truecolor")
        print(told("bytes a key, truecolor", [count / 1000 for count in counts], "kB", 40))
        counts = bytes_a_key(db, size, state, options.keys, "xterm-256color", "")
        print(told("bytes a key, 256 colours", [count / 1000 for count in counts], "kB", 25))


if __name__ == "__main__":
    main()
