"""Kills every command that writes at random moments, and checks that nothing is lost.

`python -m tests.support.kills --times 20 --model MODEL TEXT --layers 0 --context 128` does so by hand on a real model;
options that it doesn't know are those of `gluscope index`. A test does a little of it on a tiny model. Commands run in
forks of one process, so that a kill costs no start of Python.

After each kill the index is what it was, or the whole of what the command makes (with `--snapshot` also a part that
says so), and no other command calls it damaged. The same command again then makes what it makes unkilled, and leaves no
run folder.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import indexer
from gluscope_tui.cli.app import run as command_line

from .content import content

Content = dict[str, list[Any]]


@dataclass(frozen=True)
class Case:
    """A command that makes or changes `a.db` in a folder."""

    name: str
    begin: Path | None  # what `a.db` is before; None: there is none
    arguments: tuple[str, ...]  # `{db}` stands for the path of `a.db`
    parts: bool = False  # an index that says it isn't complete may stand there

    def command(self, db: Path) -> list[str]:
        return [one.replace("{db}", str(db)) for one in self.arguments]


def cases(folder: Path, model: str, text: str, options: Sequence[str], *, short: str, long: str) -> Iterator[Case]:
    """The commands, and in `folder` what they begin with. `short`, `long`: tokens to index."""

    def made(name: str, *arguments: str) -> Path:
        db = folder / name
        demand(run_forked([one.replace("{db}", str(db)) for one in arguments]) == 0, f"{name} was not made")
        return db

    whole = ("index", model, text, "--db", "{db}", *options)
    tokens = ("--tokens", long)
    often = ("--checkpoint-every", "0")
    yield Case("index", None, (*whole, *tokens, *often), parts=True)  # a snapshot where that is cheap
    yield Case("index --snapshot", None, (*whole, *tokens, *often, "--snapshot", "--no-weights"), parts=True)
    bare = made("bare.db", *whole, *tokens, "--no-weights")
    lacks = Path(shutil.copy(bare, folder / "lacks.db"))
    drop_search(lacks)
    shorter = made("shorter.db", *whole, "--tokens", short, "--no-weights")
    other = made("other.db", *whole, "--tokens", short, "--no-weights", "--seed", "5")
    parts = [str(made(f"{n}.db", *whole, *tokens, "--no-weights", "--shard", f"{n}/2")) for n in (1, 2)]
    yield Case("search --build", lacks, ("search", "--build", "--db", "{db}"))
    yield Case("index --weights-only", bare, ("index", model, "--weights-only", "--db", "{db}"))
    yield Case("merge", None, ("merge", "{db}", *parts, "--overwrite"))
    yield Case("merge --overwrite", other, ("merge", "{db}", *parts, "--overwrite"))
    yield Case("index, extending", shorter, (*whole, *tokens, *often, "--no-weights"))
    yield Case("index --overwrite", other, (*whole, *tokens, *often, "--overwrite", "--no-weights"))


def drop_search(db: Path) -> None:
    """Make of an index one of before there were searches."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(db)) as sqlite, sqlite:
        for table in ("peaks", "contexts", "words"):
            sqlite.execute(f"DROP TABLE {table}")


def check(case: Case, folder: Path, times: int, random_: random.Random) -> int:
    """Kill a command so many times, each at its own moment; how many of the kills came before its end."""
    db = folder / "a.db"
    begin(case, db)
    started = time.monotonic()
    demand(run_forked(case.command(db)) == 0, f"{case.name} failed unkilled")
    lasts = time.monotonic() - started
    expected, before = content(db), None if case.begin is None else content(case.begin)
    killed = 0
    for number in range(times):
        begin(case, db)
        moment = random_.uniform(0, lasts)
        killed += run_forked(case.command(db), kill_after=moment) == -signal.SIGKILL
        where = f"{case.name}, kill {number} after {moment:.3f} of {lasts:.3f} s"
        demand_nothing_lost(case, db, before, expected, where)
        demand(run_forked(case.command(db)) == 0, f"{where}: the same command failed")
        demand(content(db) == expected, f"{where}: the same command made something else")
        demand(sorted(os.listdir(db.parent)) == ["a.db"], f"{where}: left {os.listdir(db.parent)}")
    return killed


def begin(case: Case, db: Path) -> None:
    """A folder with nothing but what a command begins with."""
    shutil.rmtree(db.parent, ignore_errors=True)
    db.parent.mkdir(parents=True)
    if case.begin is not None:
        shutil.copy(case.begin, db)


def demand_nothing_lost(case: Case, db: Path, before: Content | None, expected: Content, where: str) -> None:
    if not db.exists():
        demand(before is None, f"{where}: the index is gone")
        return
    with indexer.open(db) as index:
        complete = index.complete
        demand(index.neuron(f"{index.sites[0].address}N0") is not None, f"{where}: a neuron is gone")
    there = content(db)
    whole = there in (before, expected)
    demand(whole or (case.parts and not complete), f"{where}: the index is neither the older nor the newer")


def run_forked(arguments: Sequence[str], kill_after: float | None = None) -> int:
    """The exit code of a command line run in a fork, or minus the number of the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        code = 70
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            code = command_line(list(arguments))
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def demand(right: bool, otherwise: str) -> None:
    if not right:
        raise AssertionError(otherwise)


def kill_all(
    model: str,
    text: str,
    options: Sequence[str],
    times: int,
    seed: int,
    tell: Callable[[str], None],
    only: str = "",
    **tokens: str,
) -> None:
    """Kill every command whose name has `only` in it so many times. AssertionError for what was lost."""
    random_ = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "inputs").mkdir()
        for case in cases(Path(name) / "inputs", model, text, options, **tokens):
            if only not in case.name:
                continue
            killed = check(case, Path(name) / "out", times, random_)
            tell(f"{case.name}: {times} kills, {killed} before its end, nothing lost")
            if only == case.name:
                break  # what the others begin with isn't made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--model", required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose name has this in it")
    parser.add_argument("--tokens", default="1500,3k", help="of the shorter and the longer index")
    arguments, options = parser.parse_known_args()
    import_all()
    short, long = arguments.tokens.split(",")
    kill_all(
        arguments.model,
        arguments.text,
        options,
        arguments.times,
        arguments.seed,
        print,
        only=arguments.only,
        short=short,
        long=long,
    )


def import_all() -> None:
    """Import what commands import when they are run, so that forks begin with it."""
    for name in (
        *("transformers.conversion_mapping", "transformers.modeling_gguf_pytorch_utils"),
        "transformers.models.llama.modeling_llama",
        *(f"indexer.jobs.{job}" for job in ("add_weights", "build_search", "index", "merge")),
    ):
        import_module(name)


if __name__ == "__main__":
    main()
