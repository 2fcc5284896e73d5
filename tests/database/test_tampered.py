"""An untrusted index is as safe to read as its text: content that the writer can't have written is reported."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

import indexer
from indexer.database.format.kinds import BLOB, COUNT, SHARE, SINGLE, TEXT
from indexer.database.read.connection import Connection
from indexer.database.read.inflate import DamagedValue, inflate
from indexer.database.read.shapes import parse, wrong_key
from indexer.errors import GluscopeError
from indexer.settings import Settings
from tests.support.index_fixture import Truth, make_index
from tests.support.tampering import loosened
from tests.support.weights_fixture import packed_wiring, with_searches

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    path = tmp_path_factory.mktemp("index") / "a.db"
    return make_index(path, layers=2, width=4, documents=14, length=24, sample=24)


@pytest.fixture(scope="module")
def base(truth: Truth) -> Path:
    return with_searches(truth.path, truth.path.with_name("weights.db"), ends=3, kinds=2, wires=2)


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    path.write_bytes(base.read_bytes())
    return path


def _read(base: Path, folder: Path, kind: str, stride: int) -> None:
    command = [sys.executable, "-m", "tests.support.tampering", str(base), str(folder), kind, str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told, read = map(int, done.stdout.split(" of "))
    assert 0 < told < read  # some commands don't read what was changed


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "stride"), [("columns", 7), ("info", 5), ("bytes", 7), ("tables", 1), ("bombs", 1)])
def test_commands_read_a_tampered_index_or_say_what_is_wrong(
    base: Path, tmp_path: Path, kind: str, stride: int
) -> None:
    """Every change is tried by hand: `python -m tests.support.tampering INDEX FOLDER KIND 1`."""
    _read(base, tmp_path, kind, stride)


def test_a_new_index_takes_only_the_types_of_its_columns(copy: Path) -> None:
    column = {
        "info": "value",
        "sites": "layer",
        "neurons": "zero",
        "sequences": "part",
        "weights": "norm_in",
        "packed": "sample",
        "peaks": "block",
        "contexts": "block",
        "wiring": "lists",
        "wiring_sites": "band_fed_in",
    }
    with sqlite3.connect(copy) as sqlite:
        for table in column:
            with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
                sqlite.execute(
                    f"UPDATE {table} SET {column[table]} = ?", ("\x1b]0;X\x07" if table != "info" else b"\x1b",)
                )
    sqlite.close()


def test_an_index_without_strict_tables_is_read_as_before(base: Path, copy: Path) -> None:
    loosened(copy).close()
    with indexer.open(base) as new, indexer.open(copy) as old:
        for site in new.sites:
            for number in range(site.width):
                address = f"{site.address}N{number}"
                assert old.neuron(address, sample=True, weights=True) == new.neuron(address, sample=True, weights=True)


_WIRED_TO_NOBODY = f"UPDATE wiring SET lists = x'{packed_wiring([[(2000, 0.5)]] * 4, 1).hex()}'"


def _look(path: Path) -> None:
    with indexer.open(path) as index:
        index.info()
        for number in range(4):
            index.neuron(f"L0N{number}", weights=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE sequences SET part = char(27) || id", "part holds a value that is not a number from 0"),
        ("UPDATE sites SET stack = char(27) || '[2J'", "stack holds a value that is not a stack of layers"),
        ("UPDATE sites SET tokens_counted = 'many'", "tokens_counted holds a value that is not a number from 0"),
        ("UPDATE sites SET name = 'L7' WHERE layer = 1", "the site L1 has another name"),
        ("UPDATE sites SET width = 1000000000000", "the neurons of L1 don't follow those of the site before"),
        ("UPDATE weights SET rw_class = char(27) || '[31m'", "rw_class holds a value that is not a class"),
        ("UPDATE wiring SET lists = x'789c'", "cut short"),
        (_WIRED_TO_NOBODY, "a listed neuron is in no site"),
        ("UPDATE wiring_sites SET band_fed_in = 2", "band_fed_in holds a value that is not a number from 0 to 1"),
        ("UPDATE neurons SET extreme_gate_pp = 9e999", "extreme_gate_pp holds a value that is not a float32"),
        ("UPDATE neurons SET extreme_gate_pp = NULL, count_pp = 1", "it has no extreme in ++"),
        ("UPDATE neurons SET count_pp = 1000000", "it was 1,000,000 times in ++"),
        ("UPDATE neurons SET sum_post_pp = 1e300, count_pp = 1", "a mean of 1e+300"),
        ("UPDATE packed SET examples = NULL", "examples holds a value that is not a blob"),
        ("UPDATE packed SET examples = x'789c'", "cut short"),
        ('INSERT INTO turns SELECT id, \'[[0,1,"user"],[0,2,"user"]]\' FROM sequences', "one after the other"),
        ("INSERT INTO turns SELECT id, '[[0,99999,\"user\"]]' FROM sequences", "one after the other"),
        ("INSERT INTO turns SELECT id, '[[0,1,7]]' FROM sequences", "they are not turns"),
        ("INSERT INTO turns SELECT id, '[3]' FROM sequences", "they are not turns"),
        ("INSERT INTO turns SELECT id, '[[' FROM sequences", "the turns of sequence"),
        ("INSERT INTO turns SELECT id, x'00' FROM sequences", "turns holds a value that is not a text"),
        (
            "INSERT INTO info SELECT 'sinks', "
            """'{"layer": 1, "sequences": 1, "tokens": 1, "positions": 1, "found": [{"id": 1}]}'""",
            "sinks.found in its info is not what gluscope writes",
        ),
        ("INSERT INTO info VALUES ('sinks', '{\"found\": []}')", "sinks in its info is not what gluscope writes"),
        ("UPDATE info SET value = '[7]' WHERE key = 'rankings'", "rankings in its info is not what gluscope writes"),
        ("UPDATE info SET value = '7' WHERE key = 'software'", "software in its info is not what gluscope writes"),
        (
            "UPDATE info SET value = '{\"borders\": 5}' WHERE key = 'coverage'",
            "coverage.borders in its info is not what",
        ),
        ("UPDATE info SET value = '\"L\"' WHERE key = 'telling_neuron'", "its telling neuron is not an address"),
        ("CREATE TRIGGER t AFTER INSERT ON info BEGIN SELECT 1; END", "it has a trigger"),
        ("ALTER TABLE documents ADD COLUMN more AS (zeroblob(9))", "documents has a column that is computed"),
    ],
)
def test_what_is_wrong_is_named(copy: Path, change: str, told: str) -> None:
    with loosened(copy) as sqlite:
        sqlite.execute("INSERT OR IGNORE INTO info VALUES ('coverage', '{}')")
        sqlite.execute(change)
    sqlite.close()
    with pytest.raises(GluscopeError) as caught:
        _look(copy)
    assert "is damaged: " in caught.value.cause
    assert told in caught.value.cause
    assert caught.value.cause.isprintable()


def test_a_view_in_place_of_a_table_is_refused_before_it_is_read(copy: Path) -> None:
    with sqlite3.connect(copy) as sqlite:
        sqlite.execute("DROP TABLE info")
        sqlite.execute(f"CREATE VIEW info AS {ENDLESS.replace('SELECT i FROM', 'SELECT i AS key, i AS value FROM')}")
    sqlite.close()
    with pytest.raises(GluscopeError, match="info is not a table"):
        indexer.open(copy)


def test_a_view_that_a_user_added_is_not_a_fault(copy: Path) -> None:
    with sqlite3.connect(copy) as sqlite:
        sqlite.execute("CREATE VIEW mine AS SELECT * FROM neuron_aligned WHERE layer = 1")
    sqlite.close()
    with indexer.open(copy) as index:
        assert index.neuron("L0N1").neuron.name == "L0N1"


@pytest.mark.slow
def test_a_query_without_an_end_is_stopped(base: Path) -> None:
    connection = Connection(base)
    with pytest.raises(GluscopeError, match="reading it takes no end"):
        connection.rows(ENDLESS.replace("SELECT i FROM", "SELECT max(i) FROM"), (COUNT,))
    with pytest.raises(GluscopeError, match="more rows than the file has room for"):
        connection.rows(ENDLESS, (COUNT,))
    connection.close()


def test_ctrl_c_is_heard_while_a_query_runs(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.database.read.connection._LOOKS", 10**9)  # the query ends by Ctrl-C alone
    connection = Connection(base)
    assert connection.rows("SELECT 1", (COUNT,)) == [(1,)]  # which sets the number of looks to 0

    def press() -> None:
        while not connection._looks:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        connection.rows(ENDLESS.replace("SELECT i FROM", "SELECT max(i) FROM"), (COUNT,))
    thread.join()
    assert connection.rows("SELECT 1", (COUNT,)) == [(1,)]
    connection.close()


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.db"
    os.mkfifo(pipe)
    with pytest.raises(GluscopeError, match="is not a file"):
        indexer.open(pipe)


def test_reading_an_index_in_wal_mode_leaves_nothing_beside_it(copy: Path) -> None:
    sqlite = sqlite3.connect(copy)
    sqlite.execute("PRAGMA journal_mode = WAL")
    sqlite.close()
    assert os.listdir(copy.parent) == ["copy.db"]
    with indexer.open(copy) as index:
        assert index.neuron("L0N1").neuron.name == "L0N1"
        assert os.listdir(copy.parent) == ["copy.db"]
    sqlite = sqlite3.connect(copy)
    sqlite.execute("UPDATE sites SET adapter = 'other'")
    sqlite.commit()
    with pytest.raises(GluscopeError, match="changes beside it that are not in it yet"):
        indexer.open(copy)
    sqlite.close()


def test_a_column_may_be_asked_for_any_number_of_times(base: Path) -> None:
    with indexer.open(base) as index:
        rows = list(index.rows(["neuron", *["layer"] * 3000], limit=2))
        assert [len(row) for row in rows] == [3001, 3001]
        assert set(rows[0][1:]) == {0}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (COUNT, [0, 5, 2**62], [-1, 2.0, "1", None, b"", True]),
        (SINGLE, [0, 0.5, -3.4e38], [1e39, float("inf"), "0.5", None]),
        (SHARE, [0, 1, 0.5], [1.5, -0.1, None]),
        (TEXT, ["", "x" * 10_000], ["x" * 10_001, b"x", None, 1]),
        (BLOB, [b"", b"x"], ["x", None, 1]),
    ],
)
def test_kinds(kind: object, good: list[object], bad: list[object]) -> None:
    from indexer.database.format.kinds import Kind

    assert isinstance(kind, Kind)
    assert kind.holds(good)
    for value in bad:
        assert not kind.holds([*good, value]), value
    assert kind.or_null.holds([*good, None])


def test_nothing_unpacks_beyond_its_size() -> None:
    assert inflate(zlib.compress(b"abc"), 3) == b"abc"
    for blob, told in ((zlib.compress(bytes(1 << 20)), "more than 3 bytes"), (b"abc", "header"), (b"", "cut short")):
        with pytest.raises(DamagedValue, match=told):
            inflate(blob, 3)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "[" * 100_000, "[" * 30 + "]" * 30, "", "1" * 5000, "{"])
def test_what_is_not_json_of_an_index(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


def test_shapes_of_info(truth: Truth) -> None:
    assert wrong_key(truth.info) is None
    for key, value, wrong in (
        ("settings", {"window": [1]}, "settings"),
        ("settings", {"window": [1, 70_000]}, "settings"),
        ("settings", {"window": [1, 2], "top_k": "x"}, "settings.top_k"),
        ("model", {"name": None}, "model"),
        ("corpus", {"tokens": True}, "corpus"),
        ("coverage", {"cells": [{"sites": None, "batches": [], "count": 1}]}, "coverage.cells"),
        ("complete", 1, "complete"),
    ):
        assert wrong_key({**truth.info, key: value}) == wrong


def test_an_index_that_could_not_be_read_again_is_not_begun() -> None:
    assert Settings(top_k=4096).largest_examples < 2**24
    assert Settings(top_k=16, window=(512, 512)).largest_examples < 2**24
    for settings in ({"window": (65_535, 0)}, {"top_k": 4096, "window": (512, 512)}, {"sample": 3_000_000}):
        with pytest.raises(GluscopeError, match=r"too large|MiB of examples a neuron"):
            Settings(**settings)


def test_the_largest_examples_are_as_large_as_said(truth: Truth) -> None:
    settings = Settings(top_k=16, window=(24, 7))
    with sqlite3.connect(truth.path) as sqlite:
        sizes = [len(zlib.decompress(blob)) for (blob,) in sqlite.execute("SELECT examples FROM packed")]
    sqlite.close()
    assert 0 < max(sizes) < settings.largest_examples
