"""Counts the requests and bytes that an index on a server costs, with the copies of its pages and without.

    python benchmarks/wire.py INDEX [--without OLDER] [--search TEXT] [--save]

INDEX is served on loopback, and each row is a command in a process of its own, or what the explorer asks. OLDER is the
same index without the tables for reading over a network; by default a copy of INDEX is made and they are removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402
from gluscope_tui.tui.reading.opening import Request, open_index  # noqa: E402
from indexer.addresses import NeuronAddress  # noqa: E402
from indexer.database.reader import Index  # noqa: E402
from indexer.database.records import SiteRecord  # noqa: E402
from tests.support.range_server import RangeServer, serving  # noqa: E402

TABLES = ("packed_columns", "neuron_pages", "shared_pages")
Count = Callable[[], dict[str, int]]


def counted(server: RangeServer, work: Callable[[], object]) -> dict[str, int]:
    """What a piece of work asks a server for."""
    requests, sent = server.requests, server.sent
    work()
    return {"requests": server.requests - requests, "bytes": server.sent - sent}


def gluscope(*words: str) -> None:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "gluscope_tui", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode()}")


@contextmanager
def empty_cache() -> Iterator[None]:
    """A cache folder without anything in it, and a state folder."""
    with tempfile.TemporaryDirectory() as folder:
        before = {name: os.environ.get(name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}
        os.environ.update(dict.fromkeys(before, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def measure(file: Path, neurons: list[str], text: str) -> dict[str, dict[str, int]]:
    """The counts by what was done."""
    found = {}
    first, beside, elsewhere = neurons
    with serving(file) as server:
        url = server.url(file.name)
        with empty_cache():
            found["show"] = counted(server, lambda: gluscope("show", first, "--db", url, "-f", "rich"))
            found["show again"] = counted(server, lambda: gluscope("show", first, "--db", url, "-f", "rich"))
            found["show beside"] = counted(server, lambda: gluscope("show", beside, "--db", url, "-f", "rich"))
            found["show elsewhere"] = counted(server, lambda: gluscope("show", elsewhere, "--db", url, "-f", "rich"))
        with empty_cache():
            found["show json"] = counted(server, lambda: gluscope("show", first, "--db", url, "-f", "json"))
        with empty_cache():
            found["sort"] = counted(server, lambda: gluscope("neurons", "--sort", "extreme_post_pp", "--db", url))
        with empty_cache():
            found["search"] = counted(server, lambda: gluscope("search", text, "--db", url))
        with empty_cache():
            _explore(server, url, neurons, found)
    return found


def _explore(server: RangeServer, url: str, neurons: list[str], found: dict[str, dict[str, int]]) -> None:
    """What the explorer reads at its start, and for the next neurons."""

    def start() -> Index:
        opened.append(open_index(Request(url, neurons[0])))
        return opened[0].index

    def read(neuron: str) -> Callable[[], object]:
        return lambda: opened[0].index.neuron(neuron, rankings=("post",), sample=True, weights=True)

    opened: list[Any] = []
    found["explorer"] = counted(server, start)
    found["explorer beside"] = counted(server, read(neurons[1]))
    found["explorer elsewhere"] = counted(server, read(neurons[2]))
    opened[0].close()


def without_tables(file: Path, folder: Path) -> Path:
    """A copy of an index without the tables for reading over a network."""
    copy = folder / "without.db"
    shutil.copyfile(file, copy)
    with closing(sqlite3.connect(copy)) as sqlite:
        for table in TABLES:
            sqlite.execute(f"DROP TABLE IF EXISTS {table}")
        sqlite.commit()
    return copy


def share(file: Path) -> float:
    """The share of the tables for reading over a network in the bytes of an index."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as sqlite:
        lengths = [
            sqlite.execute(f"SELECT coalesce(sum(length({column})), 0) FROM {table}").fetchone()[0]
            for table, column in (("packed_columns", "tokens"), ("neuron_pages", "pages"), ("shared_pages", "pages"))
        ]
    return float(sum(lengths) / file.stat().st_size)


def neighbours(index: Index) -> list[str]:
    """A neuron, the one beside it, and one of another layer."""
    sites: tuple[SiteRecord, ...] = index.sites
    middle, last = sites[len(sites) // 2], sites[-1]
    place = middle.width // 3
    return [
        str(NeuronAddress(middle.address, place)),
        str(NeuronAddress(middle.address, place + 1)),
        str(NeuronAddress(last.address, last.width // 2)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--without", type=Path)
    parser.add_argument("--search", default="France")
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results")
    options = parser.parse_args()
    with Index(options.index) as index:
        neurons, model, count = neighbours(index), index.model, index.neuron_count
    with tempfile.TemporaryDirectory(dir=options.index.parent) as folder:
        older = options.without or without_tables(options.index, Path(folder))
        figures = {
            "model": model,
            "neurons": count,
            "size": options.index.stat().st_size,
            "share": round(share(options.index), 4),
            "with": measure(options.index, neurons, options.search),
            "without": measure(older, neurons, options.search),
        }
    for name, one in figures["with"].items():
        other = figures["without"][name]
        print(f"{name:20} {one['requests']:5} {one['bytes']:12,}   {other['requests']:5} {other['bytes']:12,}")
    print(f"share of the file: {100 * figures['share']:.2f} %")
    if options.save:
        print(results.write("wire", "python benchmarks/wire.py INDEX --save", figures))


if __name__ == "__main__":
    main()
