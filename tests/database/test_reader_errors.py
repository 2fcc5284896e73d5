"""A fault in an index or an address is reported in two lines: the cause and the fix."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import indexer
from indexer.addresses import SiteAddress
from indexer.database.format.schema import SCHEMA_VERSION
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from tests.support.index_fixture import Truth, make_index


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=3, width=6, documents=20)


def _refused(path: Path, neuron: str = "L0N4") -> GluscopeError:
    with pytest.raises(GluscopeError) as caught:
        _read(path, neuron)
    assert caught.value.cause
    assert caught.value.fix
    assert "\n" not in caught.value.cause + caught.value.fix
    return caught.value


def _read(path: Path, neuron: str) -> None:
    with indexer.open(path) as index:
        index.info()
        index.neuron(neuron)
        for site in index.sites:
            index.site_rows(site.address)


def test_a_missing_file_a_folder_and_an_empty_file(tmp_path: Path) -> None:
    assert "there is no index" in _refused(tmp_path / "none.db").cause
    assert "is a folder" in _refused(tmp_path).cause
    (tmp_path / "empty.db").touch()
    assert "is empty" in _refused(tmp_path / "empty.db").cause


def test_a_file_that_is_not_sqlite_and_a_foreign_database(tmp_path: Path) -> None:
    text = tmp_path / "notes.db"
    text.write_text("SQLite is nice, but this is text. " * 100)
    assert "is no index" in _refused(text).cause
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE neurons (id)")
    connection.close()
    assert "not a finished index of gluscope" in _refused(foreign).cause
    assert str(foreign) in _refused(foreign).cause


def test_a_newer_schema_names_both_versions_and_the_way_out(tmp_path: Path, truth: Truth) -> None:
    path = tmp_path / "new.db"
    shutil.copy(truth.path, path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 6}")
    connection.close()
    error = _refused(path)
    assert f"version {SCHEMA_VERSION + 6}" in error.cause
    assert f"up to {SCHEMA_VERSION}" in error.cause
    assert "pip install --upgrade gluscope" in error.fix


@pytest.mark.parametrize("share", [0.0002, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, truth: Truth, share: float) -> None:
    path = tmp_path / "cut.db"
    content = truth.path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in _refused(path).cause


@pytest.mark.slow
def test_overwritten_pages(tmp_path: Path, truth: Truth) -> None:
    content = truth.path.read_bytes()
    page = int.from_bytes(content[16:18], "big")
    path = tmp_path / "bad.db"
    told = 0
    for start in range(page, len(content), page * 5):
        path.write_bytes(content[:start] + b"\xa5" * page * 5 + content[start + page * 5 :])
        try:
            with indexer.open(path) as index:
                _read_everything(index)
        except GluscopeError as error:
            told += "damaged" in error.cause
    assert told > len(content) // page // 5 // 2  # some pages are never needed


def _read_everything(index: Index) -> None:
    index.info()
    for site in index.sites:
        for row in index.site_rows(site.address):
            index.neuron(row.neuron)
            index.sample(row.neuron)


def _damaged(tmp_path: Path, truth: Truth, statement: str, *parameters: object) -> str:
    path = tmp_path / "damaged.db"
    shutil.copy(truth.path, path)
    with sqlite3.connect(path) as connection:
        connection.execute(statement, parameters)
    connection.close()
    return _refused(path).cause


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE packed SET examples = substr(examples, 1, 300)", "L0N4"),
        ("UPDATE packed SET examples = zeroblob(300)", "L0N4"),
        ("DELETE FROM packed WHERE neuron = 4", "packed has no row 4"),
        ("DELETE FROM neurons WHERE id = 4", "neurons has no row 4"),
        ("DELETE FROM sequences", "sequence"),
        ("UPDATE sequences SET tokens = zeroblob(9)", "sequence"),
        ("UPDATE sequences SET length = length + 1", "not the length it says"),
        ("DELETE FROM tokens", "token"),
        ("UPDATE info SET value = '{' WHERE key = 'model'", "not JSON"),
        ("DELETE FROM info WHERE key = 'corpus'", "no corpus"),
        ("DROP TABLE packed", "no such table"),
        ("UPDATE sites SET activation = 'unheard'", "unheard"),
    ],
)
def test_content_that_is_damaged_is_named(tmp_path: Path, truth: Truth, statement: str, told: str) -> None:
    cause = _damaged(tmp_path, truth, statement)
    assert "damaged" in cause
    assert told in cause


def test_an_address_outside_the_model_names_what_there_is(truth: Truth) -> None:
    telling = truth.telling
    spellings = f"{telling} or {telling.site.layer}.{telling.index}"
    with indexer.open(truth.path) as index:
        for neuron, cause, fix in (
            ("L9N4", "layers 0 to 2", "try L2N4"),
            ("L9N40", "layers 0 to 2", "try L2N5"),
            ("L1N6", "neurons 0 to 5", "L1N5"),
            ("L1N999999", "neurons 0 to 5", "L1N5"),
            ("enc.L1N0", "there is no enc.L1: neurons of this model are written like L0N0", "try L1N0"),
            ("L1E2N0", "there is no L1E2: layer 1 has L1 in this index", "try L1N0"),
            ("L1SN3", "there is no L1S", "try L1N3"),
            ("l1", "'l1' is a whole MLP, not one neuron", "its neurons are L1N0 to L1N5"),
            ("L12", "'L12' is a whole MLP, not one neuron", f"write a neuron like {spellings}"),
            ("France", "'France' is not a neuron address", f"write a neuron like {spellings}"),
        ):
            with pytest.raises(GluscopeError) as caught:
                index.neuron(neuron)
            assert cause in caught.value.cause
            assert caught.value.fix.endswith(fix)
        with pytest.raises(GluscopeError, match="layers 0 to 2"):
            index.site_rows(SiteAddress("", 5))


def test_a_layer_that_was_not_indexed_is_distinguished_from_one_that_is_not_there(tmp_path: Path) -> None:
    sites = [SiteAddress("", layer) for layer in (0, 1, 2, 5)]
    truth = make_index(tmp_path / "a.db", layers=7, width=4, documents=10, sites=sites)
    with indexer.open(truth.path) as index:
        with pytest.raises(GluscopeError, match="layer 4 was not indexed, only 0-2,5") as caught:
            index.neuron("L4N0")
        assert caught.value.fix == "try L5N0, or index it too with --layers"
        with pytest.raises(GluscopeError, match="layers 0 to 6, of which this index has 0-2,5\n") as caught:
            index.neuron("L7N3")
        assert caught.value.fix == "try L5N3"


def test_hints_of_a_model_with_experts_are_addresses_of_its_neurons(tmp_path: Path) -> None:
    sites = [SiteAddress("", 0), *(SiteAddress("", 1, expert) for expert in range(4)), SiteAddress("", 1, shared=True)]
    truth = make_index(tmp_path / "a.db", layers=2, width=4, documents=10, sites=sites)
    with indexer.open(truth.path) as index:
        with pytest.raises(GluscopeError) as caught:
            index.neuron("L1E9N2")
        assert caught.value.cause == "there is no L1E9: layer 1 has L1E0 to L1E3, L1S in this index"
        assert index.neuron(caught.value.fix.removeprefix("try ")).neuron.name == "L1E3N2"


def test_unknown_rankings_signs_and_rankings_not_kept(truth: Truth) -> None:
    with indexer.open(truth.path) as index:
        cases: list[tuple[Callable[[], object], str]] = [
            (lambda: index.neuron("L0N0", rankings=["size"]), "unknown ranking 'size'"),
            (lambda: index.neuron("L0N0", rankings=["act"]), "keeps no ranking by act"),
            (lambda: index.neuron("L0N0", signs="flipped"), "unknown signs 'flipped'"),
            (lambda: index.sequence(10_000, 0), "part 0 of document 10000"),
        ]
        for call, cause in cases:
            with pytest.raises(GluscopeError) as caught:
                call()
            assert cause in caught.value.cause
            assert caught.value.fix


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "50%.db", "#1.db", "ü&x=1.db", "a?mode=rw.db"])
def test_any_file_name_opens(tmp_path: Path, truth: Truth, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "f#o?o %20"
    folder.mkdir()
    shutil.copy(truth.path, folder / name)
    with indexer.open(folder / name) as index:
        assert index.neuron(truth.telling).neuron == truth.telling
    monkeypatch.chdir(folder)
    with indexer.open(name) as index:
        assert index.neuron(truth.telling).neuron == truth.telling
    assert os.listdir(folder) == [name]


def test_nothing_is_written_and_nothing_can_be(tmp_path: Path, truth: Truth) -> None:
    path = tmp_path / "a.db"
    shutil.copy(truth.path, path)
    before = path.read_bytes()
    with indexer.open(path) as index:
        index.neuron("L0N4")
        with pytest.raises(GluscopeError, match="readonly"):
            index._connection.rows("DELETE FROM neurons", ())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.db"]


@pytest.mark.slow
def test_a_file_that_can_not_be_written_is_read_without_locks(
    tmp_path: Path, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    shutil.copy(truth.path, path)
    writer = sqlite3.connect(path)
    writer.execute("BEGIN EXCLUSIVE")  # stands for a disk whose locks don't work
    assert "is locked" in _refused(path).cause
    monkeypatch.setattr(os, "access", lambda *_: False)
    with indexer.open(path) as index:
        assert index.neuron(truth.telling).neuron == truth.telling
    writer.close()


def test_a_read_only_file_in_a_read_only_folder_opens(tmp_path: Path, truth: Truth) -> None:
    folder = tmp_path / "fixed"
    folder.mkdir()
    path = folder / "a.db"
    shutil.copy(truth.path, path)
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        with indexer.open(path) as index:
            assert index.neuron(truth.telling).neuron == truth.telling
        assert os.listdir(folder) == ["a.db"]
    finally:
        folder.chmod(0o755)


def test_an_open_index_knows_what_became_of_its_file(truth: Truth, tmp_path: Path) -> None:
    path = Path(shutil.copy(truth.path, tmp_path / "open.db"))
    with indexer.open(path) as index:
        assert index.changed == ""
        path.rename(tmp_path / "moved.db")
        assert index.changed == ""
        shutil.copy(truth.path, path)
        assert index.changed == "replaced"
        assert index.neuron("L0N4") == _neuron(truth.path, "L0N4")
    with indexer.open(path) as index:
        assert index.changed == ""
        with path.open("r+b") as file:
            file.truncate(9000)
        assert index.changed == "overwritten"
        with pytest.raises(GluscopeError, match=r"open\.db was overwritten while it was read\nrun the command again"):
            index.neuron("L2N4")


def _neuron(path: Path, neuron: str) -> object:
    with indexer.open(path) as index:
        return index.neuron(neuron)
