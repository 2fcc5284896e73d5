"""An index appears whole or not at all, and a person can read it with any SQLite tool."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexer
from indexer.database.bulk.writer import IndexWriter
from indexer.database.format.schema import APPLICATION_ID, PAGE_SIZE, SCHEMA_VERSION
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, QUANTITIES
from tests.support.index_fixture import TOKENS, Truth, make_index


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=2, width=8)


@pytest.fixture
def plain(truth: Truth) -> sqlite3.Connection:
    """The file as any SQLite tool sees it."""
    connection = sqlite3.connect(truth.path)
    connection.row_factory = sqlite3.Row
    return connection


def test_the_file_is_one_that_opens_read_only_anywhere(truth: Truth, plain: sqlite3.Connection) -> None:
    assert os.listdir(truth.path.parent) == [truth.path.name]
    header = truth.path.read_bytes()[:100]
    assert header[18:20] == b"\x01\x01"  # a rollback journal, no WAL
    assert struct.unpack(">I", header[68:72])[0] == APPLICATION_ID
    assert plain.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    assert plain.execute("PRAGMA page_size").fetchone()[0] == PAGE_SIZE
    assert plain.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert plain.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert plain.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_same_input_makes_the_same_file(tmp_path: Path) -> None:
    one, other = (make_index(tmp_path / name, layers=1, width=5).path for name in ("a.db", "b.db"))
    assert one.read_bytes() == other.read_bytes()


def test_the_narrow_table_holds_what_went_in_with_raw_signs(truth: Truth, plain: sqlite3.Connection) -> None:
    rows = plain.execute("SELECT * FROM neurons ORDER BY id").fetchall()
    places = [(site, number, i) for number, site in enumerate(truth.sites) for i in range(site.width)]
    assert [row["id"] for row in rows] == list(range(len(places)))
    for row, (site, number, i) in zip(rows, places, strict=True):
        assert site.flipped is not None
        assert site.dot_gate_in is not None
        assert (row["site"], row["layer"], row["index"]) == (number, site.address.layer, i)
        assert (row["flipped"], row["dot_gate_in"]) == (int(site.flipped[i]), site.dot_gate_in[i])
        assert row["zero"] == site.zero[i]
        for q, quadrant in enumerate(QUADRANTS):
            assert row[f"count_{quadrant.letters}"] == site.count[q, i]
            for t, quantity in enumerate(QUANTITIES):
                assert row[f"sum_{quantity}_{quadrant.letters}"] == site.sum[t, q, i]
                extreme = row[f"extreme_{quantity}_{quadrant.letters}"]
                assert extreme == (site.extreme[t, q, i] if site.count[q, i] else None)


@pytest.mark.parametrize("signs", ["raw", "aligned"])
def test_the_views_show_what_records_tell(truth: Truth, plain: sqlite3.Connection, signs: str) -> None:
    rows = {row["neuron"]: row for row in plain.execute(f"SELECT * FROM neuron_{signs}")}
    assert len(rows) == sum(site.width for site in truth.sites)
    flipped = 0
    with indexer.open(truth.path) as index:
        for name, row in rows.items():
            record = index.neuron(name, signs=signs, rankings=())
            flipped += bool(record.flipped)
            assert (row["site"], row["layer"], row["index"]) == (
                record.neuron.site.name,
                record.neuron.site.layer,
                record.neuron.index,
            )
            assert (row["flipped"], row["tokens_counted"], row["zero"]) == (
                record.flipped,
                record.tokens_counted,
                record.zero,
            )
            for quadrant, found in record.quadrants.items():
                assert row[f"count_{quadrant.letters}"] == found.count
                assert row[f"frequency_{quadrant.letters}"] == found.frequency
                for quantity in QUANTITIES:
                    assert row[f"extreme_{quantity}_{quadrant.letters}"] == found.extreme[quantity]
                    mean = row[f"mean_{quantity}_{quadrant.letters}"]
                    assert (None if mean is None else float(np.float32(mean))) == found.mean[quantity]
                    assert str(mean) != "-0.0"
            gate_positive = sum(f.count for q, f in record.quadrants.items() if q.gate_sign > 0)
            assert row["frequency_gate_positive"] == gate_positive / record.tokens_counted
    assert 0 < flipped < len(rows)


def test_sequences_tokens_and_samples_are_kept_once_and_only_if_used(truth: Truth, plain: sqlite3.Connection) -> None:
    used = {n for site in truth.sites for ranked in site.lists for n in ranked.sequence.ravel().tolist() if n >= 0}
    used |= {number for number, _ in truth.sample}
    sequences = {row["id"]: row for row in plain.execute("SELECT * FROM sequences")}
    assert sequences.keys() == used
    for number, row in sequences.items():
        sequence = truth.sequences[number]
        assert (row["document"], row["part"], row["length"]) == (sequence.document, sequence.part, len(sequence.ids))
    tokens = dict(plain.execute("SELECT id, bytes FROM tokens").fetchall())
    assert tokens == {token: TOKENS[token] for number in used for token in truth.sequences[number].ids}
    drawn = plain.execute("SELECT sequence, position FROM sample_positions ORDER BY sample, rank").fetchall()
    assert [tuple(row) for row in drawn] == list(truth.sample)
    documents = dict(plain.execute("SELECT document, source FROM documents").fetchall())
    assert documents == {d: truth.sources[d] for d in {truth.sequences[number].document for number in used}}


def test_token_ids_beyond_16_bits_come_back(tmp_path: Path, truth: Truth) -> None:
    ids = [3, 70_000, 262_143]
    with IndexWriter(tmp_path / "a.db", truth.info) as writer:
        writer.add_sequences([(0, 0, 0, ids)])
        writer.add_documents([(0, "somewhere")])
        writer.add_tokens((token, f"<{token}>".encode()) for token in ids)
        writer.finish(None)
    with indexer.open(tmp_path / "a.db") as index:
        assert index.sequence(0, 0).tokens == ("<3>", "<70000>", "<262143>")
        assert index.telling_neuron is None


def _start(path: Path, truth: Truth) -> IndexWriter:
    return IndexWriter(path, truth.info)


def test_nothing_is_left_of_an_index_that_was_not_finished(tmp_path: Path, truth: Truth) -> None:
    def interrupted() -> None:
        with _start(tmp_path / "a.db", truth) as writer:
            writer.add_site(truth.sites[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []
    with _start(tmp_path / "a.db", truth):
        pass
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_not_finished_is_not_an_index(tmp_path: Path, truth: Truth) -> None:
    with _start(tmp_path / "a.db", truth) as writer:
        writer.add_site(truth.sites[0])
        with pytest.raises(GluscopeError, match="not a finished index"):
            indexer.open(tmp_path / "a.db")


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, truth: Truth) -> None:
    def fill() -> None:
        with _start(tmp_path / "a.db", truth) as writer:
            writer._sqlite.execute("PRAGMA max_page_count = 60")
            for site in truth.sites:
                writer.add_site(site)

    with pytest.raises(GluscopeError, match="the disk is full") as caught:
        fill()
    assert "free some space" in caught.value.fix
    assert os.listdir(tmp_path) == []


def test_what_is_already_there_is_never_overwritten(tmp_path: Path, truth: Truth) -> None:
    path = tmp_path / "a.db"
    path.write_text("mine")
    with pytest.raises(GluscopeError, match="already there"):
        _start(path, truth)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there(tmp_path: Path, truth: Truth) -> None:
    with pytest.raises(GluscopeError, match="can't be written"):
        _start(tmp_path / "none" / "a.db", truth)
    assert os.listdir(tmp_path) == []


def _finish_with(writer: IndexWriter, *adds: Callable[[IndexWriter], None]) -> None:
    with writer:
        for add in adds:
            add(writer)
        writer.finish(None)


def test_an_index_with_a_hole_is_not_finished(tmp_path: Path, truth: Truth) -> None:
    without_software = {key: value for key, value in truth.info.items() if key != "software"}
    cases: list[tuple[str, dict[str, Any], list[Callable[[IndexWriter], None]]]] = [
        ("used sequences were not added", truth.info, [lambda w: w.add_site(truth.sites[0])]),
        ("used tokens were not added", truth.info, [lambda w: w.add_sequences([(0, 0, 0, [1, 2])])]),
        (
            "of sequences refers to a row of documents",
            truth.info,
            [lambda w: w.add_sequences([(0, 0, 0, [1])]), lambda w: w.add_tokens([(1, b"a")])],
        ),
        ("info has no software", without_software, []),
    ]
    for message, info, adds in cases:
        with pytest.raises(ValueError, match=message):
            _finish_with(IndexWriter(tmp_path / "a.db", info), *adds)
    assert os.listdir(tmp_path) == []


def test_a_snapshot_says_that_it_is_not_complete(tmp_path: Path, truth: Truth) -> None:
    with _start(tmp_path / "a.db", truth) as writer:
        writer.finish(None, {"complete": False, "run": {"notices": ["half way"]}})
    with indexer.open(tmp_path / "a.db") as index:
        assert not index.info().complete
        assert index.info().run == {"notices": ["half way"]}
