"""Blocks that are kept: read again without the server, of one version only, whole or not at all, within a limit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import indexer
from indexer.database.remote import kept_blocks
from indexer.database.remote.file import RemoteFile
from indexer.database.remote.kept_blocks import BLOCK, KeptBlocks, blocks_folder, kept_files, limit, remove
from indexer.database.remote.place import Place, find_place
from indexer.database.remote.requests import Version
from indexer.errors import GluscopeError
from tests.support.range_server import RangeServer

PLACE = Place("https://example.org/x.db?sig=secret", "https://example.org/x.db?sig=secret")
VERSION = Version(3 * BLOCK + 10, '"one"')
CONTENT = [bytes([number]) * BLOCK for number in range(3)] + [b"\3" * 10]


def filled(version: Version = VERSION, most: int = 10**9) -> KeptBlocks:
    kept = KeptBlocks(PLACE, version, most)
    for block, content in enumerate(CONTENT):
        kept.put(block, content)
    return kept


def test_another_process_reads_what_was_kept() -> None:
    filled()
    again = KeptBlocks(PLACE, VERSION, 10**9)
    assert [again.get(block) for block in range(4)] == CONTENT
    assert again.get(4) is None


@pytest.mark.parametrize(
    "version", [Version(VERSION.size, '"two"'), Version(VERSION.size + 1, '"one"'), Version(VERSION.size, "", "now")]
)
def test_another_version_has_none_of_them(version: Version) -> None:
    filled()
    assert KeptBlocks(PLACE, version, 10**9).get(0) is None


def test_of_a_file_whose_change_would_not_be_noticed_nothing_is_kept() -> None:
    filled(Version(VERSION.size))
    filled(most=0)
    assert kept_files() == []


def test_a_damaged_or_cut_block_is_no_block() -> None:
    filled()
    (segment,) = blocks_folder().glob("*/*.blocks")
    data = bytearray(segment.read_bytes())
    data[BLOCK // 2] ^= 1  # in block 0
    segment.write_bytes(data[:-5])  # the end of block 3
    again = KeptBlocks(PLACE, VERSION, 10**9)
    assert [again.get(block) for block in range(4)] == [None, CONTENT[1], CONTENT[2], None]
    again.put(0, CONTENT[0])
    assert again.get(0) == CONTENT[0]
    assert KeptBlocks(PLACE, VERSION, 10**9).get(0) == CONTENT[0]


def test_the_oldest_blocks_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_blocks, "_SEGMENT", BLOCK + 100)  # a block a segment
    version = Version(100 * BLOCK, '"one"')
    kept = KeptBlocks(PLACE, version, 8 * BLOCK)
    for block in range(20):
        kept.put(block, bytes([block]) * BLOCK)
        for age, segment in enumerate(sorted(blocks_folder().glob("*/*.blocks"), key=os.path.getmtime)):
            os.utime(segment, (block, time.time() - 1000 + age))
    assert sum(file.kept for file in kept_files()) <= 8 * BLOCK
    there = [block for block in range(20) if KeptBlocks(PLACE, version, 8 * BLOCK).get(block) is not None]
    assert there == list(range(20 - len(there), 20))
    assert len(there) >= 6


def test_a_disk_that_takes_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert filled().get(0) is None


def test_what_is_kept_names_no_secret_and_can_be_removed() -> None:
    filled()
    (found,) = kept_files()
    assert (found.name, found.size) == ("https://example.org/x.db?...", VERSION.size)
    assert found.kept > VERSION.size
    assert "secret" not in "".join(path.read_text() for path in found.folder.glob("*.json"))
    remove(found.folder)
    assert kept_files() == []
    assert not found.folder.exists()


@pytest.mark.parametrize(("text", "bytes_"), [("", 10**9), ("0", 0), ("500M", 5 * 10**8), ("2g", 2 * 10**9), ("7", 7)])
def test_the_limit_is_the_environment_s(text: str, bytes_: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUSCOPE_CACHE_LIMIT", text)
    assert limit() == bytes_


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1e99", "G"])
def test_a_limit_that_is_none_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUSCOPE_CACHE_LIMIT", text)
    with pytest.raises(GluscopeError, match="GLUSCOPE_CACHE_LIMIT"):
        limit()


@pytest.mark.slow
def test_a_file_is_fetched_once(server: RangeServer, file: Path) -> None:
    content = file.read_bytes()
    for round_ in range(2):
        remote = RemoteFile(find_place(server.url()), 10**9)
        for start in range(0, len(content), 7000):
            assert remote.read(start, 9000) == content[start : start + 9000]
        remote.close()
        if not round_:
            assert len(content) <= server.sent < len(content) + 2**17
            before = server.sent
    assert server.sent - before == 100  # the header, which told the version


@pytest.mark.slow
def test_a_file_that_changes_between_two_runs_is_read_anew(server: RangeServer, file: Path) -> None:
    with indexer.open(server.url()) as index:
        index.neuron("L1N3")
    other = bytearray(file.read_bytes())
    file.write_bytes(other[:-2048])
    server.behaviour.etag = '"two"'
    remote = RemoteFile(find_place(server.url()), 10**9)
    assert remote.read(0, 50_000) == other[:50_000]
    assert server.sent > 200_000


@pytest.mark.slow
def test_processes_that_fetch_at_once_disturb_nobody(server: RangeServer, tiny: Path) -> None:
    script = """
import sys, indexer
with indexer.open(sys.argv[1]) as there, indexer.open(sys.argv[2]) as here:
    for site in here.sites:
        for index in range(0, site.width, 9):
            name = f"{site.address}N{index}"
            assert there.neuron(name) == here.neuron(name), name
"""
    running = [subprocess.Popen([sys.executable, "-c", script, server.url(), str(tiny)]) for _ in range(2)]
    assert [one.wait(60) for one in running] == [0, 0]
