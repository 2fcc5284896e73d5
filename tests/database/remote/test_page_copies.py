"""Copies of pages are those pages, and are used only while the file is the one that they were made of."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import indexer
from indexer.database.bulk import page_copies
from indexer.database.bulk.add_search import add_search
from indexer.database.format.btree import DamagedPage, Pages, between, every, leaves, path
from indexer.database.format.packed_columns import pack_tokens, unpack_flips, unpack_tokens
from indexer.database.format.page_copies import unpack
from indexer.errors import GluscopeError
from tests.support.index_fixture import make_index
from tests.support.range_server import RangeServer

SIZE = 2048


@pytest.fixture
def plain(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as sqlite:
        yield sqlite


def pages_of(file: Path) -> Pages:
    data = file.read_bytes()
    return Pages(SIZE, SIZE, len(data) // SIZE, lambda number: data[(number - 1) * SIZE : number * SIZE])


def told(sqlite: sqlite3.Connection, name: str) -> dict[str, set[int]]:
    """The pages of a table or an index by kind, as SQLite's own table of them tells."""
    found: dict[str, set[int]] = {"leaf": set(), "internal": set(), "overflow": set()}
    for number, kind in sqlite.execute("SELECT pageno, pagetype FROM dbstat WHERE name = ?", (name,)):
        found[kind].add(number)
    return found


@pytest.mark.slow
def test_the_pages_of_tables_are_those_that_sqlite_tells(file: Path, plain: sqlite3.Connection) -> None:
    pages = pages_of(file)
    try:
        plain.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no dbstat")
    roots = dict(plain.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))
    for name, root in {**roots, "sqlite_schema": 1}.items():
        kinds = told(plain, name)
        found = every(pages, root, 10**6)
        assert found is not None
        assert len(found) == len(set(found))
        assert set(found) == set().union(*kinds.values()), name
        assert every(pages, root, len(found) - 1) is None
    for name in ("neurons", "packed", "neuron_pages"):
        rows, above = leaves(pages, roots[name])
        assert (set(rows), set(above)) == (told(plain, name)["leaf"], told(plain, name)["internal"])


def test_the_pages_that_lead_to_rows_are_all_that_a_reader_needs(file: Path, plain: sqlite3.Connection) -> None:
    pages = pages_of(file)
    (root,) = plain.execute("SELECT rootpage FROM sqlite_master WHERE name = 'neurons'").fetchone()
    rows, internal = leaves(pages, root)
    assert len(rows) > 20
    above = Pages(SIZE, SIZE, pages.count, lambda number: pages.read(number) if number in internal else b"")
    for id_ in range(0, 210, 13):
        way = path(pages, root, id_)
        assert way[0] == root
        assert way[-1] in rows
        assert path(pages, root, id_, lambda found: found[-1] in rows) == way
        assert path(above, root, id_, lambda found: found[-1] in rows) == way
        found = dict(between(pages, root, id_, id_))
        assert found == {number: number == way[-1] for number in way}
    every_page = dict(between(pages, root, 0, 209))
    assert {number for number, is_leaf in every_page.items() if is_leaf} == set(rows)


@pytest.mark.parametrize("byte", [0, 3, 255])
def test_pages_that_sqlite_cannot_have_written_are_told(file: Path, plain: sqlite3.Connection, byte: int) -> None:
    (root,) = plain.execute("SELECT rootpage FROM sqlite_master WHERE name = 'packed'").fetchone()
    whole = pages_of(file)
    broken = Pages(SIZE, SIZE, whole.count, lambda _: bytes([byte]) * SIZE)
    in_a_circle = Pages(SIZE, SIZE, whole.count, lambda _: whole.read(root))
    for pages in (broken, in_a_circle):
        with pytest.raises(DamagedPage):
            path(pages, root, 5)
        with pytest.raises(DamagedPage):
            leaves(pages, root)
        with pytest.raises(DamagedPage):
            list(between(pages, root, 0, 2**62))


def copies(sqlite: sqlite3.Connection, table: str) -> dict[int, dict[int, bytes]]:
    return {id_: unpack(zlib.decompress(blob), SIZE) for id_, blob in sqlite.execute(f"SELECT id, pages FROM {table}")}


def check(file: Path) -> None:
    """Every copy is the page of the file that it says it is."""
    pages = pages_of(file)
    with closing(sqlite3.connect(file)) as sqlite:
        assert sorted(copies(sqlite, "neuron_pages")) == [-1, 0, 1]  # 192 of the 210 neurons, and the rest
        for table in ("neuron_pages", "shared_pages"):
            for found in copies(sqlite, table).values():
                assert found
                assert 1 not in found
                assert all(pages.read(number) == page for number, page in found.items())


def is_used(server: RangeServer) -> bool:
    with indexer.open(server.url()) as index:
        return index._nearby._is_valid


@pytest.mark.slow
def test_every_copy_is_the_page(file: Path, server: RangeServer) -> None:
    check(file)
    assert is_used(server)
    add_search(file)
    server.behaviour.etag = '"two"'
    check(file)
    assert is_used(server)


def test_the_columns_in_one_piece_are_those_of_the_tables(plain: sqlite3.Connection) -> None:
    blobs = plain.execute("SELECT tokens, flipped FROM packed_columns").fetchone()
    assert unpack_tokens(zlib.decompress(blobs[0])) == dict(plain.execute("SELECT id, bytes FROM tokens"))
    flipped = {id_ for (id_,) in plain.execute("SELECT id FROM neurons WHERE flipped = 1")}
    assert unpack_flips(zlib.decompress(blobs[1]), 210) == flipped
    assert 0 < len(flipped) < 210
    for wrong in (209, 211):
        with pytest.raises(ValueError, match="flip bits"):
            unpack_flips(zlib.decompress(blobs[1]), wrong)


@pytest.mark.parametrize("tokens", [{}, {0: b""}, {7: b"a", 70_000: b"\xff" * 65_536, 3: b"abc"}])
def test_tokens_come_back(tokens: dict[int, bytes]) -> None:
    packed = pack_tokens(tokens)
    assert packed is not None
    data = zlib.decompress(packed)
    assert unpack_tokens(data) == tokens
    for cut in {0, 3, len(data) - 1} - {len(data)}:
        with pytest.raises(ValueError, match="packed tokens"):
            unpack_tokens(data[: max(0, cut)])


@pytest.mark.parametrize(
    "change",
    ["UPDATE neurons SET zero = zero + 1 WHERE id = 150", "PRAGMA user_version = 1", "VACUUM", "DELETE FROM tokens"],
)
def test_copies_of_a_file_that_was_changed_are_not_used(
    server: RangeServer, file: Path, plain: sqlite3.Connection, change: str
) -> None:
    assert is_used(server)
    plain.execute(change)
    plain.commit()
    plain.close()
    server.behaviour.etag = '"two"'
    assert not is_used(server)
    if "DELETE" not in change:
        with indexer.open(server.url()) as there, indexer.open(file) as here:
            assert there.neuron("L2N10", sample=True) == here.neuron("L2N10", sample=True)


def test_a_copy_that_sqlite_made_has_other_pages_and_is_read_right(
    server: RangeServer, plain: sqlite3.Connection, tmp_path: Path
) -> None:
    plain.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    (made_for,) = plain.execute("SELECT made_for FROM shared_pages WHERE id = 0").fetchone()
    data = bytearray((tmp_path / "copy.db").read_bytes())
    data[24:28] = data[92:96] = int(made_for.split()[0]).to_bytes(4, "big")  # even if it counted the same changes
    server.file = tmp_path / "copy.db"
    server.file.write_bytes(data)
    assert not is_used(server)


def test_without_copies_all_is_read_all_the_same(server: RangeServer, file: Path, plain: sqlite3.Connection) -> None:
    for table in ("packed_columns", "neuron_pages", "shared_pages"):
        plain.execute(f"DROP TABLE {table}")
    plain.commit()
    with indexer.open(server.url()) as there, indexer.open(file) as here:
        assert not there._nearby._is_valid
        assert there.neuron("L1N3", sample=True) == here.neuron("L1N3", sample=True)


@pytest.mark.slow
@pytest.mark.parametrize("packer", ["pack", "pack_tokens", "pack_flips"])
@pytest.mark.parametrize(
    "blob",
    [b"", b"x" * 100, zlib.compress(b"\xff" * 100), zlib.compress(b"\0" * 2**27)],
    ids=["nothing", "no zlib", "other", "bomb"],
)
def test_damaged_copies_are_told(
    server: RangeServer, file: Path, packer: str, blob: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_copies, packer, lambda _: blob)
    add_search(file)

    def read() -> None:
        with indexer.open(server.url()) as index:
            index.neuron("L1N3")
            list(index.search("of"))

    with pytest.raises(GluscopeError, match="damaged"):
        read()


def test_an_index_of_nothing_has_copies_too(tmp_path: Path) -> None:
    make_index(tmp_path / "a.db", layers=1, width=1, documents=12)
    with closing(sqlite3.connect(tmp_path / "a.db")) as sqlite:
        assert sorted(copies(sqlite, "neuron_pages")) == [-1, 0]
