"""Indexes that somebody has tampered with, and a reader of them whose memory and time are bounded.

Run as `python -m tests.support.tampering BASE FOLDER KIND STRIDE`: makes every STRIDE-th case of a kind from the index
BASE, has the commands read it, and prints how many were told as damaged. Any exit code but 0, 1 and 2, any exception
and any control character in what was printed ends it with a failure that names the case; so do a limit of memory or of
CPU time, which the operating system keeps.
"""

from __future__ import annotations

import io
import json
import random
import re
import resource
import shutil
import sqlite3
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from gluscope_tui.text.clean import clean

MEMORY = 2**30
"""Bytes of address space that a child may take: it takes about a fifth of that before it reads anything."""
SECONDS = 300
"""CPU seconds of a child process, so that none runs forever."""

ESCAPE = "\x1b]0;X\x07\x9b31m"
VALUES: tuple[object, ...] = (
    None, ESCAPE, b"\x1b[2J\xff", -1, 2**63 - 1, 1e308, float("inf"), "", 0, "x" * 100_000, 10**15, b"", 0.5, "NaN",
)  # fmt: skip
JSONS = (
    "null", json.dumps(ESCAPE), "-1", "1e999", "NaN", "[]", "{}", "[[1, null]]", "true", "1" * 5000, "[" * 5000,
    "[" * 40 + "]" * 40, json.dumps("x" * 100_000), "1.5", '{"\\u001b[2J": "\\u001b[2J"}', '["\\u001b[2J", 1]', "",
)  # fmt: skip
HEALTH = ("doctor",)
"""The output of `gluscope doctor` for an index, without the findings about the terminal and the libraries."""
COMMANDS = (
    ("show", "L0N1", "L0N3", "-f", "plain", "-n", "3"),
    ("show", "L0N1", "-f", "rich", "--color", "never", "--plot", "--width", "90"),
    ("show", "L0N3", "-f", "json"),
    ("show", "L0N1", "-f", "md", "--signs", "raw"),
    ("show", "L0N1", "L1N2", "--wiring", "-f", "rich", "--color", "never"),
    ("search", "of", "-f", "csv"),
    ("search", "é", "-f", "table", "--color", "never"),
    ("search", "of France", "--in", "context", "-f", "plain"),
    ("search", "the", "*f", "--in", "writes", "-f", "csv"),
    ("search", "o*", "--in", "reads", "-f", "table", "--color", "never"),
    ("neurons", "-w", "writes('the') or reads('of') or peaks('of')", "-f", "csv"),
    ("info",),
    ("info", "-f", "plain"),
    ("info", "-f", "json"),
    ("neurons", "-c", "all", "-n", "0", "-f", "csv"),
    ("neurons", "-w", "frequency_pp > 0 and layer < 5", "--sort", "extreme_post_pp", "-f", "table", "--color", "never"),
    ("layers", "-f", "table", "--color", "never"),
    ("plot", "frequency_pp", "extreme_post_pp", "-f", "json"),
    HEALTH,
)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")

Change = Callable[[Path], None]


def cases(base: Path, kind: str) -> Iterator[tuple[str, Change]]:
    """Every case of a kind: a name, and what it does to a copy of the index."""
    yield from {
        "columns": _columns,
        "info": _info,
        "bytes": _bytes,
        "tables": _tables,
        "bombs": _bombs,
    }[kind](base)


def loosened(path: Path) -> sqlite3.Connection:
    """An index opened so that a column takes anything, as an older file, or one that somebody has altered, does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as sqlite:
        sqlite.execute("PRAGMA writable_schema = ON")
        sqlite.execute(
            "UPDATE sqlite_master SET sql = replace(replace(replace(sql, 'WITHOUT ROWID, STRICT', 'WITHOUT ROWID'), "
            "') STRICT', ')'), ' NOT NULL', '') WHERE type = 'table' AND name NOT LIKE 'words%'"
        )
        version = sqlite.execute("PRAGMA schema_version").fetchone()[0]
        sqlite.execute(f"PRAGMA schema_version = {version + 1}")
    return sqlite3.connect(path, isolation_level=None)


def _execute(*statements: tuple[str, tuple[object, ...]]) -> Change:
    def change(path: Path) -> None:
        with closing(loosened(path)) as sqlite:
            for sql, parameters in statements:
                try:
                    sqlite.execute(sql, parameters)
                except sqlite3.IntegrityError:  # a key takes it for one row only, or not at all
                    table, column = sql.split()[1], sql.split()[3]
                    last = f"{column} = (SELECT max({column}) FROM {table})"
                    with suppress(sqlite3.IntegrityError):
                        sqlite.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {last}", parameters)

    return change


def _columns(base: Path) -> Iterator[tuple[str, Change]]:
    """Each value in each column of each table."""
    with closing(sqlite3.connect(base)) as sqlite:
        tables = [name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table.startswith("words"):
                continue
            for _, column, *_ in sqlite.execute(f"PRAGMA table_info({table})").fetchall():
                for value in VALUES:
                    yield (
                        f"{table}.{column} = {str(value)[:20]!a}",
                        _execute((f'UPDATE {table} SET "{column}" = ?', (value,))),
                    )


def _paths(value: Any) -> Iterator[tuple[str | int, ...]]:
    yield ()
    parts = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in parts:
        for path in _paths(part):
            yield (key, *path)


def _with(value: Any, path: tuple[str | int, ...], text: str) -> str:
    """JSON of a value with a part of it replaced by a text, which need not be JSON."""
    mark = "\u2060here"
    whole: Any = mark
    if path:
        whole = json.loads(json.dumps(value))
        inner = whole
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = mark
    return json.dumps(whole).replace(json.dumps(mark), text)


def _info(base: Path) -> Iterator[tuple[str, Change]]:
    """Each kind of JSON in each place of each key of `info`."""
    with closing(sqlite3.connect(base)) as sqlite:
        rows = {key: json.loads(value) for key, value in sqlite.execute("SELECT key, value FROM info")}
    for key, value in rows.items():
        for path in _paths(value):
            for text in JSONS:
                changed = _with(value, path, text)
                yield (
                    f"info.{'.'.join(map(str, (key, *path)))} = {text[:20]}",
                    _execute(("UPDATE info SET value = ? WHERE key = ?", (changed, key))),
                )
        yield f"info without {key}", _execute(("DELETE FROM info WHERE key = ?", (key,)))


def _bytes(base: Path) -> Iterator[tuple[str, Change]]:
    """Flipped bits, pages of noise and cut ends, by fixed seeds."""
    size = base.stat().st_size

    def flip(seed: int) -> Change:
        def change(path: Path) -> None:
            chance = random.Random(seed)
            content = bytearray(path.read_bytes())
            for _ in range(1 + seed % 40):
                content[chance.randrange(size)] ^= 1 << chance.randrange(8)
            if seed % 3 == 0:
                place = chance.randrange(size)
                content[place : place + 300] = chance.randbytes(len(content[place : place + 300]))
            if seed % 4 == 0:
                content = content[: chance.randrange(size)]
            path.write_bytes(content)

        return change

    for seed in range(600):
        yield f"bytes by seed {seed}", flip(seed)


def _tables(base: Path) -> Iterator[tuple[str, Change]]:
    """Views, virtual tables and computed columns in place of tables, and what else computes."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"
    with closing(sqlite3.connect(base)) as sqlite:
        tables = [name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [column for _, column, *_ in sqlite.execute(f"PRAGMA table_info({table})").fetchall()]
            values = ", ".join(f'i AS "{column}"' for column in columns)
            if not table.startswith("words"):
                view = f"CREATE VIEW {table} AS {endless.format(values)}"
                yield f"{table} is a view", _execute((f"DROP TABLE {table}", ()), (view, ()))
                computed = f"ALTER TABLE {table} ADD COLUMN more AS (zeroblob(1000000000))"
                yield f"{table} computes", _execute((computed, ()))
                trigger = f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT 1; END"
                yield f"{table} has a trigger", _execute((trigger, ()))
    for view in ("neuron_raw", "neuron_aligned"):
        change = f"CREATE VIEW {view} AS {endless.format('i AS id')}"
        yield f"{view} is endless", _execute((f"DROP VIEW {view}", ()), (change, ()))
    other = "CREATE VIRTUAL TABLE words USING fts5 (text, content = 'info')"
    yield "words reads another table", _execute(("DROP TABLE words", ()), (other, ()))
    yield "words is a table", _execute(("DROP TABLE words", ()), ("CREATE TABLE words (text)", ()))
    yield "a page holds itself", _loop


def _loop(path: Path) -> None:
    """An inner page of a table whose cells all lead to one page below, level by level."""
    with closing(loosened(path)) as sqlite:
        neurons = sqlite.execute("SELECT count(*) FROM neurons").fetchone()[0]
        sqlite.execute("CREATE TABLE loop (a)")
        root = sqlite.execute("SELECT rootpage FROM sqlite_master WHERE name = 'loop'").fetchone()[0]
        sqlite.execute("PRAGMA writable_schema = ON")
        sqlite.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'neurons'", (root,))
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    page = bytearray(size)
    cells = 200
    page[0] = 5  # an inner page of a table
    page[3:5] = cells.to_bytes(2, "big")
    page[5:7] = (size - 5 * cells).to_bytes(2, "big")
    pages = len(content) // size
    for level in range(5):
        number = root if level == 0 else pages + level
        below = pages + level + 1
        page[8:12] = below.to_bytes(4, "big")
        for cell in range(cells):
            at = size - 5 * (cell + 1)
            page[12 + 2 * cell : 14 + 2 * cell] = at.to_bytes(2, "big")
            page[at : at + 5] = below.to_bytes(4, "big") + bytes([cell % 100])
        if level == 4:
            page = bytearray(size)
            page[0] = 13  # a leaf with one row of NULLs
            page[3:5] = (1).to_bytes(2, "big")
            page[5:7] = page[8:10] = (size - 4).to_bytes(2, "big")
            page[-4:] = bytes([2, neurons - 1, 2, 0])
        start = (number - 1) * size
        content[start : start + size] = page
    content[28:32] = (len(content) // size).to_bytes(4, "big")
    path.write_bytes(content)


def _bombs(_: Path) -> Iterator[tuple[str, Change]]:
    """Blobs that unpack to much more than they are, and texts of megabytes."""
    zeros = zlib.compress(bytes(1 << 28))
    many = zlib.compress(b"\x01\x00" + b"\xff" * 8 + bytes(1 << 25))
    for column in ("packed.examples", "packed.sample", "weight_lists.lists", "wiring.lists", "sequences.tokens",
                   "peaks.neurons", "token_neurons.neurons", "contexts.examples"):  # fmt: skip
        table, name = column.split(".")
        for which, blob in (("zeros", zeros), ("much", many)):
            yield f"{column} unpacks to {which}", _execute((f"UPDATE {table} SET {name} = ?", (blob,)))
    yield (
        "sequences are very long",
        _execute(
            ("UPDATE sequences SET length = 4194304", ()),
            ("UPDATE sequences SET tokens = ?", (zlib.compress(bytes(1 << 23)),)),
        ),
    )
    for size in (1 << 13, 1 << 20, 1 << 26):
        few = "= 5" if size > 1 << 20 else "> 1"  # the token of is in every sequence
        yield f"tokens of {size} bytes", _execute((f"UPDATE tokens SET bytes = zeroblob(?) WHERE id {few}", (size,)))
        source = "UPDATE documents SET source = hex(zeroblob(?)) WHERE document = (SELECT min(document) FROM documents)"
        yield f"a source of {size} characters", _execute((source, (size // 2,)))
        info = "UPDATE info SET value = '\"' || hex(zeroblob(?)) || '\"' WHERE key = 'run'"
        yield f"info of {size} bytes", _execute((info, (size // 2,)))
    yield "sites are very wide", _execute(("UPDATE sites SET width = 1000000000000", ()))
    yield "activation is long", _execute(("UPDATE sites SET activation = 'silu_max_' || hex(zeroblob(5000))", ()))
    keys = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
    yield "info has many keys", _execute((f"{keys} INSERT INTO info SELECT 'k' || i, '[]' FROM n", ()))


def main() -> None:
    """Read every STRIDE-th case of a kind with the commands, a few of them a case."""
    base, folder, kind, stride = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    told = read = 0
    for number, (name, change) in enumerate(cases(base, kind)):
        if number % stride:
            continue
        path = folder / f"{kind}.db"
        shutil.copy(base, path)
        change(path)
        first = number // stride * 3
        for place in range(first, first + 3):
            command = COMMANDS[place % len(COMMANDS)]
            try:
                code, printed = run_command(path, command)
            except BaseException as error:
                raise SystemExit(f"{name}: {' '.join(command)}: {type(error).__name__}: {error}") from error
            if code not in (0, 1, 2):
                raise SystemExit(f"{name}: {' '.join(command)}: exit code {code}")
            if bad := _CONTROL.search(printed):
                raise SystemExit(f"{name}: {' '.join(command)}: printed {bad[0]!a}")
            told += code == 2
            read += 1
    print(f"{told} of {read}")


def run_command(path: Path, command: tuple[str, ...]) -> tuple[int, str]:
    """The exit code of a command on an index, and all that it printed."""
    from gluscope_tui.cli.app import run
    from gluscope_tui.doctor.files import index_health

    if command == HEALTH:
        return 0, "".join(f"{clean(finding.value)}\n" for finding in index_health(path))
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = run([*command, "--db", str(path)])
    return code, out.getvalue() + errors.getvalue()


if __name__ == "__main__":
    main()
