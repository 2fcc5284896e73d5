"""An index on a server is read like one on the disk, with few requests and few bytes, and trusted as little."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import indexer
from indexer.addresses import SiteAddress
from indexer.database.bulk import page_copies
from indexer.database.bulk.add_search import add_search
from indexer.database.reader import Index, Interrupted
from indexer.errors import GluscopeError
from indexer.progress import Progress
from tests.support.range_server import RangeServer

QUESTIONS: dict[str, Callable[[Index], Any]] = {
    "neuron": lambda index: index.neuron("L1N3", sample=True),
    "raw": lambda index: index.neuron("L2N69", signs="raw", rankings=("post",), limit=2),
    "info": lambda index: {**index.info().__dict__} if hasattr(index.info(), "__dict__") else index.info().neurons,
    "sequence": lambda index: index.sequence(3, 0),
    "rows": lambda index: list(index.rows(("neuron", "frequency_pn", "cos_gate_in"), sort="extreme_post_pp", limit=9)),
    "all rows": lambda index: list(index.rows(("neuron", "vocab_std", "peak_entropy_pp"))),
    "where": lambda index: index.count("frequency_pp > 0.1 and cos_gate_in < 0"),
    "site": lambda index: index.site_rows(SiteAddress("", 2)),
    "peaks": lambda index: list(index.search("of", limit=5)),
    "context": lambda index: list(index.search("of France", "context")),
    "writes": lambda index: list(index.search_weights("the")),
    "places": lambda index: index.peak_places("L1N3", ("post",)),
    "positions": lambda index: index.sample_positions(SiteAddress("", 0)),
}


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_every_answer_is_the_same(server: RangeServer, file: Path, question: str) -> None:
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        assert QUESTIONS[question](there) == QUESTIONS[question](here)


def test_the_layers_are_the_same_but_for_rounding(server: RangeServer, file: Path) -> None:
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        for one, other in zip(there.layers(), here.layers(), strict=True):
            assert (one.site, one.never, one.classes) == (other.site, other.never, other.classes)
            assert one.frequency == pytest.approx(other.frequency, rel=1e-12)  # newer SQLites sum more exactly


def test_a_neuron_takes_few_requests_and_few_bytes(server: RangeServer, tiny: Path) -> None:
    with indexer.open(server.url()) as index, indexer.open(tiny) as here:
        assert index.neuron("L1N30", sample=True) == here.neuron("L1N30", sample=True)
        assert server.requests <= 8
        assert server.sent < 700_000 < tiny.stat().st_size
        for name in ("L0N17", "L2N69", "L2N68"):
            before = server.requests
            assert index.neuron(name, sample=True) == here.neuron(name, sample=True)
            assert server.requests - before <= 4, name
        before = server.requests
        index.neuron("L2N68", sample=True)
        assert server.requests == before


def test_another_run_asks_for_little_more_than_the_version(server: RangeServer) -> None:
    for requests in (8, 1):
        before = server.requests
        with indexer.open(server.url()) as index:
            index.neuron("L1N30", sample=True)
        assert server.requests - before <= requests


@pytest.mark.slow
def test_sequences_too_many_for_copies_are_fetched_at_once(
    server: RangeServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_copies, "_MOST_OF_A_TABLE", 4096)
    add_search(file)
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        for name in ("L1N30", "L2N5"):
            before = server.requests
            assert there.neuron(name) == here.neuron(name)
            assert server.requests - before <= 10


def test_a_sort_reads_the_narrow_table_once_and_says_so(server: RangeServer, tiny: Path) -> None:
    reports: list[Progress] = []
    with indexer.open(server.url(), reports.append) as index, indexer.open(tiny) as here:
        expected = list(here.rows(("neuron",), sort="mean_post_pp", limit=30))
        before = server.sent
        assert list(index.rows(("neuron",), sort="mean_post_pp", limit=30)) == expected
        with closing(sqlite3.connect(tiny)) as sqlite:
            (table,) = sqlite.execute("SELECT sum(length(zero)) * 0 + count(*) * 330 FROM neurons").fetchone()
        assert server.sent - before < 2 * table + 300_000
        assert server.requests < 20
        before = server.requests
        list(index.rows(("neuron",), sort="frequency_np", limit=30))
        assert server.requests == before
    assert reports
    assert all("table of neurons" in report.message and report.phase == "fetching" for report in reports)
    assert reports[-1].done == reports[-1].total


def test_a_list_of_scattered_neurons_takes_a_request_a_neuron_at_most(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        before = server.requests
        found = list(index.table.rows_of(range(5, 205, 10), ("neuron", "frequency_pp", "cos_gate_in", "vocab_std")))
        assert len(found) == 20
        assert server.requests - before <= 20


def test_a_search_reads_little_beside_its_hits(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        before = server.requests
        hits = list(index.search("of", limit=2))
        assert len(hits) == 8
        assert server.requests - before <= 3 * len(hits) + 4


def test_without_a_place_to_keep_blocks_it_is_read_all_the_same(
    server: RangeServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLUSCOPE_CACHE_LIMIT", "0")
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        assert there.neuron("L1N3") == here.neuron("L1N3")


def test_a_file_that_changes_while_it_is_read_is_told(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        assert index.changed == ""
        server.behaviour.etag = '"two"'
        with pytest.raises(GluscopeError, match="has changed on the server while it was read"):
            index.neuron("L1N3")
        assert index.changed == "overwritten"


def test_errors_of_the_server_reach_the_reader_as_they_are(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        server.behaviour.failures = [(404, {})]
        with pytest.raises(GluscopeError, match=r"has no such file \(404\)"):
            index.neuron("L1N3")
        assert index.neuron("L1N3").neuron.index == 3  # it can be asked again


@pytest.mark.slow
def test_a_read_can_be_interrupted(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        server.behaviour.delay = 3.0
        threading.Timer(0.3, index.interrupt).start()
        began = time.monotonic()
        with pytest.raises(Interrupted):
            index.neuron("L1N3")
        threading.Timer(0.3, index.interrupt).start()
        with pytest.raises(Interrupted):
            index.count("frequency_pp > 0.5")
        assert time.monotonic() - began < 4.0
        server.behaviour.delay = 0.0
        assert index.neuron("L1N3").neuron.index == 3


def test_a_file_in_wal_mode_is_refused(server: RangeServer, file: Path) -> None:
    with closing(sqlite3.connect(file)) as sqlite:
        sqlite.execute("PRAGMA journal_mode = WAL")
        sqlite.execute("UPDATE info SET value = value")
        sqlite.commit()
    with pytest.raises(GluscopeError, match="is in WAL mode"):
        indexer.open(server.url())


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "is empty"), (b"<html>" * 100, "is no index"), (b"SQLite format 3\0" + b"\0" * 500, "not a finished index")],
)
def test_another_file_is_refused(server: RangeServer, file: Path, content: bytes, what: str) -> None:
    file.write_bytes(content)
    with pytest.raises(GluscopeError, match=what):
        indexer.open(server.url())


def test_a_file_that_is_cut_short_is_told(server: RangeServer, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4096])
    with pytest.raises(GluscopeError, match="is cut short"):
        indexer.open(server.url())


def test_a_hostile_file_is_distrusted(server: RangeServer, file: Path) -> None:
    with closing(sqlite3.connect(file)) as sqlite:
        sqlite.execute("CREATE TRIGGER evil AFTER UPDATE ON info BEGIN SELECT 1; END")
        sqlite.commit()
    with pytest.raises(GluscopeError, match="it has a trigger"):
        indexer.open(server.url())


@pytest.mark.slow
def test_a_damaged_file_gives_what_it_gives_on_the_disk_or_is_told(server: RangeServer, file: Path) -> None:
    whole, chance = file.read_bytes(), random.Random(0)
    told = 0
    for case in range(24):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 8, 64))):
            data[chance.choice((chance.randrange(100, len(data)), len(data) - chance.randrange(1, 60_000)))] ^= 1 << 3
        file.write_bytes(data)
        server.behaviour.etag = f'"{case}"'
        answers: list[object] = []
        for name in (server.url(), str(file)):
            try:
                with indexer.open(name) as index:
                    answers.append([index.neuron("L1N30", sample=True), list(index.search("of", limit=1))])
            except GluscopeError:
                answers.append(None)
        assert answers[0] in (None, answers[1]), case
        told += answers[0] is None
    assert 0 < told < 24


def test_sqlite_can_neither_write_nor_load_anything(server: RangeServer) -> None:
    with indexer.open(server.url()) as index:
        sqlite = index._connection._sqlite
        for sql in (
            "DELETE FROM info",
            "SELECT load_extension('x')",
            "CREATE TABLE t (x)",
            "PRAGMA writable_schema=ON",
        ):
            try:
                sqlite.execute(sql)
            except sqlite3.DatabaseError:
                continue
            assert "writable_schema" in sql
        assert sqlite.execute("PRAGMA writable_schema").fetchmany(1) == [(0,)]
        assert sqlite.execute("PRAGMA trusted_schema").fetchmany(1) == [(0,)]


def test_a_closed_index_says_so(server: RangeServer) -> None:
    index = indexer.open(server.url())
    index.close()
    with pytest.raises(sqlite3.ProgrammingError):
        index.neuron("L1N3")


@pytest.mark.parametrize("right", [0, 40_000])
def test_wrong_bytes_of_a_server_are_not_kept(server: RangeServer, file: Path, right: int) -> None:
    server.behaviour.zeros_from = max(right, 100)  # its header is right

    def all_of_it() -> None:
        with indexer.open(server.url()) as index:
            list(index.rows(("neuron", "extreme_post_pp", "cos_gate_in")))
            index.neuron("L1N3", sample=True)

    with pytest.raises(GluscopeError, match="is damaged") as raised:
        all_of_it()
    assert "run the command again" in raised.value.fix
    server.behaviour.zeros_from = None
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        assert there.neuron("L1N3", sample=True) == here.neuron("L1N3", sample=True)
